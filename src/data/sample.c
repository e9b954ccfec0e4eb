#include "data/sample.h"

#include <string.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/memory.h"
#include "image/picture.h"
#include "image/preprocess.h"

void cclip_sample_open(struct cclip_sample *out)
{
    *out = (struct cclip_sample){ .label = CCLIP_NO_CLASS };
    cclip_buffer_open(&out->name, 2 * CCLIP_LIMIT_PATH);
    cclip_buffer_open(&out->picture, CCLIP_LIMIT_IMAGE_FILE);
    cclip_buffer_open(&out->texts, CCLIP_LIMIT_TEXT_BYTES);
    cclip_buffer_open(&out->group, CCLIP_LIMIT_TEXT_BYTES);
}

void cclip_sample_close(struct cclip_sample *sample)
{
    cclip_buffer_close(&sample->name);
    cclip_buffer_close(&sample->picture);
    cclip_buffer_close(&sample->texts);
    cclip_buffer_close(&sample->group);
    cclip_release(sample->starts);
    sample->starts = NULL;
    sample->text_count = sample->starts_capacity = 0;
}

void cclip_sample_clear(struct cclip_sample *sample)
{
    cclip_buffer_clear(&sample->name);
    cclip_buffer_clear(&sample->picture);
    cclip_buffer_clear(&sample->texts);
    cclip_buffer_clear(&sample->group);
    sample->text_count = 0;
    sample->picture_is_path = 0;
    sample->label = CCLIP_NO_CLASS;
    sample->problem.status = CCLIP_OK;
}

cclip_status cclip_sample_add_text(struct cclip_sample *sample, const char *text, size_t length)
{
    const size_t start = sample->texts.length;
    cclip_status status =
        cclip_grow(&sample->starts, &sample->starts_capacity, sample->text_count + 1,
                   sizeof *sample->starts, CCLIP_LIMIT_CAPTIONS, "captions of one picture");
    if (!status)
        status = cclip_buffer_append(&sample->texts, text, length);
    if (!status)
        status = cclip_buffer_byte(&sample->texts, 0);
    if (!status)
        sample->starts[sample->text_count++] = start;
    return status;
}

const char *cclip_sample_text(const struct cclip_sample *sample, size_t index, size_t *length)
{
    if (index >= sample->text_count)
        return NULL;
    const size_t end =
        index + 1 < sample->text_count ? sample->starts[index + 1] : sample->texts.length;
    *length = end - sample->starts[index] - 1;
    return sample->texts.data + sample->starts[index];
}

cclip_status cclip_sample_spoil(struct cclip_sample *sample, cclip_status status)
{
    if (status == CCLIP_ERROR_MEMORY)
        return status;
    if (!sample->problem.status) /* the first problem is the one that counts */
        cclip_failure_take(&sample->problem, status);
    return CCLIP_OK;
}

cclip_status cclip_sample_picture(struct cclip_picture *out, const struct cclip_sample *sample)
{
    const struct cclip_buffer *bytes = &sample->picture;
    return sample->picture_is_path
               ? cclip_picture_read(out, bytes->data, NULL)
               : cclip_picture_decode(out, bytes->data, bytes->length, sample->name.data, NULL);
}

cclip_status cclip_sample_pixels(float *out, const struct cclip_sample *sample,
                                 const cclip_preprocessing *preprocessing)
{
    struct cclip_picture picture;
    cclip_status status = cclip_sample_picture(&picture, sample);
    if (status)
        return status;
    status = cclip_preprocess(out, &picture, preprocessing);
    cclip_picture_close(&picture);
    return status ? cclip_fail_in(status, "%s", sample->name.data) : CCLIP_OK;
}

cclip_status cclip_sample_next(struct cclip_sample_source *source, struct cclip_sample *out)
{
    cclip_sample_clear(out);
    return source->next(source, out);
}

void cclip_sample_source_close(struct cclip_sample_source **source)
{
    if (*source)
        (*source)->close(*source);
    *source = NULL;
}

int cclip_is_picture_name(const char *name)
{
    static const char *const suffixes[] = { ".webp", ".png", ".jpg",  ".jpeg", ".jpe",  ".jfif",
                                            ".gif",  ".bmp", ".ppm",  ".pgm",  ".pbm",  ".pnm",
                                            ".svg",  ".tif", ".tiff", ".heic", ".heif", ".avif" };
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++)
        if (cclip_path_has_suffix(name, suffixes[i]))
            return 1;
    return 0;
}
