#include "checkpoint/checkpoint_parts.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "checkpoint/signatures.h"

enum { MOST_FILES = 4096 };

cclip_status cclip_checkpoint_new(struct cclip_checkpoint **out, const char *path)
{
    *out = NULL;
    struct cclip_checkpoint *checkpoint = cclip_allocate_zero(1, sizeof *checkpoint);
    if (!checkpoint)
        return CCLIP_ERROR_MEMORY;
    checkpoint->path = cclip_copy_text(path, strlen(path));
    if (!checkpoint->path) {
        cclip_checkpoint_close(&checkpoint);
        return CCLIP_ERROR_MEMORY;
    }
    *out = checkpoint;
    return CCLIP_OK;
}

/* Makes room for one more file and gives it its path. */
static cclip_status new_file(struct cclip_checkpoint *checkpoint, const char *path)
{
    const size_t index = checkpoint->file_count;
    const cclip_status status =
        cclip_grow(&checkpoint->files, &checkpoint->file_capacity, index + 1,
                   sizeof *checkpoint->files, MOST_FILES, checkpoint->path);
    if (status)
        return status;
    char *copy = cclip_copy_text(path, strlen(path));
    if (!copy)
        return CCLIP_ERROR_MEMORY;
    checkpoint->files[index] = (struct cclip_checkpoint_file){ .path = copy };
    checkpoint->file_count++;
    return CCLIP_OK;
}

/* The last file, which is mapped, by the reader that its content asks for. */
static cclip_status read_last(struct cclip_checkpoint *checkpoint)
{
    const size_t index = checkpoint->file_count - 1;
    const struct cclip_checkpoint_file *file = &checkpoint->files[index];
    cclip_checkpoint_reader *reader = NULL;
    const cclip_status status = cclip_checkpoint_find_reader(&reader, &file->mapping, file->path);
    return status ? status : reader(checkpoint, index);
}

cclip_status cclip_checkpoint_add_file(struct cclip_checkpoint *checkpoint, const char *path)
{
    cclip_status status = new_file(checkpoint, path);
    if (!status)
        status = cclip_mapping_open(&checkpoint->files[checkpoint->file_count - 1].mapping, path);
    return status ? status : read_last(checkpoint);
}

size_t cclip_checkpoint_extent(const struct cclip_tensor *tensor)
{
    const struct cclip_dtype_info *info = cclip_dtype_info(tensor->dtype);
    size_t last = 0, count = 1;
    for (int i = 0; i < tensor->rank; i++) {
        if (!tensor->shape[i])
            return 0;
        last += (tensor->shape[i] - 1) * tensor->stride[i];
        count *= tensor->shape[i];
    }
    return info->block_length > 1 ? count / info->block_length * info->block_bytes
                                  : (last + 1) * info->block_bytes;
}

cclip_status cclip_checkpoint_add(struct cclip_checkpoint *checkpoint, size_t file,
                                  const char *name, size_t name_length,
                                  const struct cclip_tensor *tensor)
{
    const char *path = checkpoint->files[file].path;
    if (name_length > CCLIP_LIMIT_TENSOR_NAME)
        return cclip_fail(CCLIP_ERROR_LIMIT,
                          "%s: a tensor's name of %zu bytes; at most %zu are accepted", path,
                          name_length, CCLIP_LIMIT_TENSOR_NAME);
    if (memchr(name, '\0', name_length))
        return cclip_fail(CCLIP_ERROR_FORMAT, "%s: tensor \"%.*s\": a zero byte in its name",
                          path, (int)name_length, name);
    const cclip_status status =
        cclip_grow(&checkpoint->entries, &checkpoint->capacity, checkpoint->count + 1,
                   sizeof *checkpoint->entries, CCLIP_LIMIT_TENSORS, "tensors");
    if (status)
        return cclip_fail_in(status, "%s", path);
    const char *copy = cclip_arena_text(&checkpoint->arena, name, name_length);
    if (!copy)
        return CCLIP_ERROR_MEMORY;
    checkpoint->entries[checkpoint->count++] = (struct cclip_checkpoint_entry){
        .name = copy,
        .tensor = *tensor,
        .bytes = cclip_checkpoint_extent(tensor),
        .file = file,
    };
    return CCLIP_OK;
}

cclip_status cclip_checkpoint_add_note(struct cclip_checkpoint *checkpoint, const char *key,
                                       size_t key_length, const char *text, size_t length)
{
    const cclip_status status =
        cclip_grow(&checkpoint->notes, &checkpoint->note_capacity, checkpoint->note_count + 1,
                   sizeof *checkpoint->notes, CCLIP_LIMIT_TENSORS, "texts of metadata");
    if (status)
        return cclip_fail_in(status, "%s", checkpoint->path);
    struct cclip_checkpoint_note *note = &checkpoint->notes[checkpoint->note_count];
    note->key = cclip_arena_text(&checkpoint->arena, key, key_length);
    note->text = cclip_arena_text(&checkpoint->arena, text, length);
    if (!note->key || !note->text)
        return CCLIP_ERROR_MEMORY;
    checkpoint->note_count++;
    return CCLIP_OK;
}

const char *cclip_checkpoint_note(const struct cclip_checkpoint *checkpoint, const char *key)
{
    for (size_t i = 0; i < checkpoint->note_count; i++)
        if (!strcmp(checkpoint->notes[i].key, key))
            return checkpoint->notes[i].text;
    return NULL;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char **cclip_checkpoint_sorted_names(const struct cclip_checkpoint *checkpoint)
{
    const char **names = cclip_allocate(checkpoint->count, sizeof *names);
    if (!names)
        return NULL;
    for (size_t i = 0; i < checkpoint->count; i++)
        names[i] = checkpoint->entries[i].name;
    if (checkpoint->count)
        qsort(names, checkpoint->count, sizeof *names, compare_names);
    return names;
}

cclip_status cclip_checkpoint_check_names(const struct cclip_checkpoint *checkpoint)
{
    const char **names = cclip_checkpoint_sorted_names(checkpoint);
    if (!names)
        return CCLIP_ERROR_MEMORY;
    cclip_status status = CCLIP_OK;
    for (size_t i = 1; i < checkpoint->count && !status; i++)
        if (!strcmp(names[i - 1], names[i]))
            status = cclip_fail(CCLIP_ERROR_FORMAT, "%s: tensor \"%s\": there are two of this name",
                                checkpoint->path, names[i]);
    cclip_release(names);
    return status;
}

static cclip_status finish(struct cclip_checkpoint **out, cclip_status status)
{
    if (!status)
        status = cclip_checkpoint_check_names(*out);
    if (status)
        cclip_checkpoint_close(out);
    return status;
}

cclip_status cclip_checkpoint_open(struct cclip_checkpoint **out, const char *path)
{
    const cclip_status status = cclip_checkpoint_new(out, path);
    return finish(out, status ? status : cclip_checkpoint_add_file(*out, path));
}

cclip_status cclip_checkpoint_open_bytes(struct cclip_checkpoint **out, const void *data, size_t size,
                                         const char *name)
{
    cclip_status status = cclip_checkpoint_new(out, name);
    if (!status)
        status = new_file(*out, name);
    if (!status) {
        (*out)->files[0].mapping = (struct cclip_mapping){ .data = data, .size = size };
        status = read_last(*out);
    }
    return finish(out, status);
}

cclip_status cclip_checkpoint_open_tensors(struct cclip_checkpoint **out, const char *name,
                                           const struct cclip_named_tensor *tensors, size_t count)
{
    cclip_status status = cclip_checkpoint_new(out, name);
    if (!status)
        status = new_file(*out, name);
    if (!status)
        (*out)->format = "memory";
    for (size_t i = 0; i < count && !status; i++)
        status = cclip_checkpoint_add(*out, 0, tensors[i].name, strlen(tensors[i].name),
                                      &tensors[i].tensor);
    return finish(out, status);
}

void cclip_checkpoint_close(struct cclip_checkpoint **checkpoint)
{
    struct cclip_checkpoint *c = *checkpoint;
    if (!c)
        return;
    for (size_t i = 0; i < c->file_count; i++) {
        cclip_mapping_close(&c->files[i].mapping);
        cclip_release(c->files[i].path);
    }
    cclip_gguf_close(&c->gguf);
    cclip_arena_close(&c->arena);
    cclip_release(c->files);
    cclip_release(c->entries);
    cclip_release(c->notes);
    cclip_release(c->path);
    cclip_release(c);
    *checkpoint = NULL;
}

const char *cclip_checkpoint_path(const struct cclip_checkpoint *checkpoint)
{
    return checkpoint->path;
}

const char *cclip_checkpoint_format(const struct cclip_checkpoint *checkpoint)
{
    return checkpoint->format;
}

size_t cclip_checkpoint_count(const struct cclip_checkpoint *checkpoint)
{
    return checkpoint->count;
}

const char *cclip_checkpoint_name(const struct cclip_checkpoint *checkpoint, size_t index)
{
    return checkpoint->entries[index].name;
}

const struct cclip_tensor *cclip_checkpoint_tensor(const struct cclip_checkpoint *checkpoint,
                                                   size_t index)
{
    return &checkpoint->entries[index].tensor;
}

void cclip_checkpoint_forget(const struct cclip_checkpoint *checkpoint, size_t index)
{
    const struct cclip_checkpoint_entry *entry = &checkpoint->entries[index];
    const struct cclip_mapping *mapping = &checkpoint->files[entry->file].mapping;
    const uintptr_t data = (uintptr_t)entry->tensor.data, begin = (uintptr_t)mapping->data;
    if (data >= begin && data < begin + mapping->size) /* what was unpacked lies elsewhere */
        cclip_mapping_forget(mapping, (size_t)(data - begin), entry->bytes);
}

const struct cclip_gguf *cclip_checkpoint_gguf(const struct cclip_checkpoint *checkpoint)
{
    return checkpoint->gguf;
}
