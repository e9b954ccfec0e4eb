/* A suite: the data sets that are measured together, a line of a table each. */
#ifndef CCLIP_EVALUATE_SUITE_H
#define CCLIP_EVALUATE_SUITE_H

#include <stddef.h>
#include "base/status.h"

/* Columns of the table; `path` must be there. */
enum cclip_suite_column {
    CCLIP_SUITE_PATH,
    CCLIP_SUITE_NAME,
    CCLIP_SUITE_KIND,
    CCLIP_SUITE_TASK,
    CCLIP_SUITE_TEMPLATES,
    CCLIP_SUITE_CLASSNAMES,
    CCLIP_SUITE_SPLIT,
    CCLIP_SUITE_IMAGE_COLUMN,
    CCLIP_SUITE_CAPTION_COLUMN,
    CCLIP_SUITE_COLUMNS
};

/* A set as the table gives it; NULL where it says nothing. Path and name are always there. */
struct cclip_suite_line {
    char *texts[CCLIP_SUITE_COLUMNS];
    size_t line;
};

struct cclip_suite_list {
    struct cclip_suite_line *lines;
    size_t count, capacity;
};

/* Tab, comma, semicolon or bar, whichever gives the first line a column `path`. Refused: other columns, a line
 * without a path or with more fields than there are columns, a name that is there twice, no set at all. Paths
 * are as written. `name` is used in messages. */
cclip_status cclip_suite_parse(struct cclip_suite_list *out, const char *text, size_t length,
                               const char *name);
/* The same from a file; a path (of data, templates, class names) where nothing is there is tried from the
 * file's own folder. */
cclip_status cclip_suite_read(struct cclip_suite_list *out, const char *path);
void cclip_suite_list_close(struct cclip_suite_list *list);

#endif
