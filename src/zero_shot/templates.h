/* Sentences with a place for a label: "a photo of a {}". Lists of them from a file or from memory. */
#ifndef CCLIP_ZERO_SHOT_TEMPLATES_H
#define CCLIP_ZERO_SHOT_TEMPLATES_H

#include <stddef.h>
#include "base/buffer.h"
#include "base/file.h"
#include "base/status.h"

struct cclip_templates {
    struct cclip_names list;
};

/* One template a line. Skipped: empty lines, lines that begin with '#', and the brackets around a
 * Python list. Taken off: white space around a line, and what surrounds a string in Python source,
 * as in "'a photo of a {}.'," and "lambda c: f'a photo of a {c}.',". A line without "{}" or "{c}"
 * is an error that names it; so is a text without any template. */
cclip_status cclip_template_list_parse(struct cclip_templates **out, const char *text,
                                       size_t length, const char *name);
cclip_status cclip_template_list_read(struct cclip_templates **out, const char *path);

/* Copies `count` templates, each taken as it is. */
cclip_status cclip_template_list_copy(struct cclip_templates **out, const char *const *templates,
                                      size_t count);
void cclip_template_list_close(struct cclip_templates **templates);

/* Appends `template` to `out` with each "{}" and "{c}" replaced by the label. */
cclip_status cclip_template_expand(struct cclip_buffer *out, const char *template,
                                   const char *label, size_t label_length);

/* The lines of a plain list (concepts, labels): '#' begins a comment, empty lines are skipped. */
cclip_status cclip_word_list_read(struct cclip_names *out, const char *path);

#endif
