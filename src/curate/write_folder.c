/* Folders: kept pictures and the captions beside them, at the places where they were. */
#include <string.h>

#include "base/limits.h"
#include "base/memory.h"
#include "curate/corpus_write.h"

struct folder_copy {
    const struct cclip_corpus_choice *choice;
    const char *from, *to;
    struct cclip_buffer caption_path;
};

/* The place of `path`, which lies below `from`, below `to`; in new memory. Its folder is made. */
static cclip_status make_place(char **out, const struct folder_copy *copy, const char *path)
{
    const char *rest = path + strlen(copy->from);
    while (*rest == '/')
        rest++;
    *out = cclip_path_join(copy->to, rest);
    if (!*out)
        return CCLIP_ERROR_MEMORY;
    char *name = *out + (cclip_path_name(*out) - *out);
    name[-1] = '\0';
    const cclip_status status = cclip_folder_make(*out);
    name[-1] = '/';
    return status;
}

static cclip_status copy_file(const struct folder_copy *copy, const char *path)
{
    struct cclip_mapping file;
    char *place = NULL;
    cclip_status status = cclip_mapping_open(&file, path);
    if (status)
        return status;
    status = make_place(&place, copy, path);
    if (!status)
        status = cclip_file_write(place, file.data, file.size);
    cclip_mapping_close(&file);
    cclip_release(place);
    return status;
}

static cclip_status copy_caption(const struct folder_copy *copy, const char *path, size_t sample)
{
    size_t length;
    const struct cclip_corpus_choice *choice = copy->choice;
    const char *caption = choice->caption ? choice->caption(choice->user, sample, &length) : NULL;
    if (!caption)
        return cclip_is_file(path) ? copy_file(copy, path) : CCLIP_OK;
    char *place = NULL;
    cclip_status status = make_place(&place, copy, path);
    if (!status)
        status = cclip_file_write(place, caption, length);
    cclip_release(place);
    return status;
}

static cclip_status copy_sample(struct folder_copy *copy, const struct cclip_sample *sample, size_t number)
{
    cclip_status status = copy_file(copy, sample->picture.data);
    if (!status)
        status = cclip_pair_caption_path(&copy->caption_path, sample->picture.data);
    return status ? status : copy_caption(copy, copy->caption_path.data, number);
}

cclip_status cclip_corpus_write_folder(const struct cclip_corpus_choice *choice, size_t source,
                                       const char *folder)
{
    const struct cclip_pair_part *part = &choice->index->parts[source];
    struct folder_copy copy = { .choice = choice, .from = choice->sources[source].path, .to = folder };
    struct cclip_sample sample;
    cclip_status status = CCLIP_OK;
    cclip_sample_open(&sample);
    cclip_buffer_open(&copy.caption_path, 2 * CCLIP_LIMIT_PATH);
    for (size_t i = 0; i < part->count && !status; i++) {
        if (!choice->keep(choice->user, part->first + i))
            continue;
        status = cclip_file_list_get(part->list, i, &sample);
        if (!status)
            status = cclip_failure_raise(&sample.problem);
        if (!status)
            status = copy_sample(&copy, &sample, part->first + i);
    }
    cclip_buffer_close(&copy.caption_path);
    cclip_sample_close(&sample);
    return status;
}
