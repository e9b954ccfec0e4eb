/* What the tests of this folder share: a source written out as text, a folder to work in. */
#ifndef CCLIP_TESTS_SPELL_SAMPLES_H
#define CCLIP_TESTS_SPELL_SAMPLES_H

#include "support/unit.h"

#include <unistd.h>

#include "base/buffer.h"
#include "data/sample.h"

/* One sample as "name<picture>#label@group'text'text!problem\n"; what is not there is left out. */
static inline cclip_status spell_sample(struct cclip_buffer *out, const struct cclip_sample *sample)
{
    cclip_status status = cclip_buffer_format(out, "%s", sample->name.data);
    if (!status && sample->picture.length)
        status = cclip_buffer_format(out, sample->picture_is_path ? "<@%s>" : "<%s>", sample->picture.data);
    if (!status && sample->label != CCLIP_NO_CLASS)
        status = cclip_buffer_format(out, "#%d", (int)sample->label);
    if (!status && sample->group.length)
        status = cclip_buffer_format(out, "@%s", sample->group.data);
    for (size_t i = 0; i < sample->text_count && !status; i++) {
        size_t length;
        const char *text = cclip_sample_text(sample, i, &length);
        status = cclip_buffer_format(out, "'%.*s", (int)length, text);
    }
    if (!status && sample->problem.status)
        status = cclip_buffer_format(out, "!%s", sample->problem.message);
    return status ? status : cclip_buffer_byte(out, '\n');
}

/* All samples; `out` is opened here and closed by the caller. */
static inline cclip_status spell_source(struct cclip_buffer *out, struct cclip_sample_source *source)
{
    struct cclip_sample sample;
    cclip_status status;
    cclip_buffer_open(out, 1 << 20);
    cclip_sample_open(&sample);
    status = cclip_buffer_text(out, "");
    while (!status && !(status = cclip_sample_next(source, &sample)) && sample.name.length)
        status = spell_sample(out, &sample);
    cclip_sample_close(&sample);
    return status;
}

#define assert_samples(source, expected)                                                           \
    do {                                                                                           \
        struct cclip_buffer text_;                                                                 \
        assert_ok(spell_source(&text_, source));                                                   \
        assert_string_equal(text_.data, expected);                                                 \
        cclip_buffer_close(&text_);                                                                \
    } while (0)

static char work_folder[] = "/tmp/cclip-data-XXXXXX";

static inline int enter_work_folder(void **state)
{
    (void)state;
    return !mkdtemp(work_folder) || chdir(work_folder);
}

static inline int leave_work_folder(void **state)
{
    char command[64];
    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", work_folder);
    return chdir("/") || system(command);
}

#endif
