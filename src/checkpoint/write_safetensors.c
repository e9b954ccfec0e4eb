#include "checkpoint/write_safetensors.h"

#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "formats/json.h"

static const char *const dtype_names[CCLIP_DTYPES] = {
    [CCLIP_F32] = "F32", [CCLIP_F16] = "F16", [CCLIP_BF16] = "BF16", [CCLIP_F64] = "F64",
    [CCLIP_I64] = "I64", [CCLIP_I32] = "I32", [CCLIP_I16] = "I16",   [CCLIP_I8] = "I8",
    [CCLIP_U8] = "U8",   [CCLIP_BOOL] = "BOOL",
};

static cclip_status bytes_of(size_t *out, const struct cclip_safetensors_entry *entry)
{
    if (!dtype_names[entry->dtype])
        return cclip_fail(CCLIP_ERROR_UNSUPPORTED, "tensor \"%s\": safetensors files have no type %s",
                          entry->name, cclip_dtype_info(entry->dtype)->name);
    const cclip_status status = cclip_tensor_count(out, entry->shape, entry->rank);
    *out *= cclip_dtype_info(entry->dtype)->block_bytes;
    return status;
}

static cclip_status add_entry(struct cclip_buffer *header,
                              const struct cclip_safetensors_entry *entry, size_t begin, size_t end)
{
    cclip_status status = cclip_json_quote(header, entry->name, strlen(entry->name));
    if (!status)
        status = cclip_buffer_format(header, ":{\"dtype\":\"%s\",\"shape\":[",
                                     dtype_names[entry->dtype]);
    for (int i = 0; i < entry->rank && !status; i++)
        status = cclip_buffer_format(header, "%s%zu", i ? "," : "", entry->shape[i]);
    return status ? status
                  : cclip_buffer_format(header, "],\"data_offsets\":[%zu,%zu]}", begin, end);
}

static cclip_status add_notes(struct cclip_buffer *header,
                              const struct cclip_safetensors_note *notes, size_t count)
{
    cclip_status status = cclip_buffer_text(header, "{\"__metadata__\":{\"format\":\"pt\"");
    for (size_t i = 0; i < count && !status; i++) {
        status = cclip_buffer_byte(header, ',');
        if (!status)
            status = cclip_json_quote(header, notes[i].key, strlen(notes[i].key));
        if (!status)
            status = cclip_buffer_byte(header, ':');
        if (!status)
            status = cclip_json_quote(header, notes[i].text, strlen(notes[i].text));
    }
    return status ? status : cclip_buffer_byte(header, '}');
}

/* What follows the notes, and how many bytes the largest tensor has. */
static cclip_status add_entries(struct cclip_buffer *header, size_t *largest,
                                const struct cclip_safetensors_entry *entries, size_t count)
{
    cclip_status status = CCLIP_OK;
    size_t offset = 0;
    *largest = 0;
    for (size_t i = 0; i < count && !status; i++) {
        size_t bytes = 0;
        status = bytes_of(&bytes, &entries[i]);
        if (!status)
            status = cclip_buffer_byte(header, ',');
        if (!status)
            status = add_entry(header, &entries[i], offset, offset + bytes);
        offset += bytes;
        *largest = bytes > *largest ? bytes : *largest;
    }
    if (!status)
        status = cclip_buffer_byte(header, '}');
    while (!status && header->length % 8) /* so that the first tensor is aligned */
        status = cclip_buffer_byte(header, ' ');
    return status;
}

static cclip_status write_all(struct cclip_writer *writer, const struct cclip_buffer *header,
                              size_t largest, const struct cclip_safetensors_entry *entries,
                              size_t count, cclip_safetensors_fill *fill, void *context)
{
    unsigned char length[8];
    for (int i = 0; i < 8; i++)
        length[i] = (unsigned char)((uint64_t)header->length >> 8 * i);
    void *data = cclip_allocate_aligned(largest ? largest : 1);
    cclip_status status = data ? cclip_writer_write(writer, length, sizeof length)
                               : CCLIP_ERROR_MEMORY;
    if (!status)
        status = cclip_writer_write(writer, header->data, header->length);
    for (size_t i = 0; i < count && !status; i++) {
        size_t bytes = 0;
        status = bytes_of(&bytes, &entries[i]);
        if (!status)
            status = fill(context, i, data);
        if (!status)
            status = cclip_writer_write(writer, data, bytes);
    }
    cclip_release_aligned(data);
    return status;
}

cclip_status cclip_safetensors_write(const char *path, const struct cclip_safetensors_entry *entries,
                                     size_t count, cclip_safetensors_fill *fill, void *context)
{
    return cclip_safetensors_write_noted(path, NULL, 0, entries, count, fill, context);
}

cclip_status cclip_safetensors_write_noted(const char *path,
                                           const struct cclip_safetensors_note *notes,
                                           size_t note_count,
                                           const struct cclip_safetensors_entry *entries,
                                           size_t count, cclip_safetensors_fill *fill,
                                           void *context)
{
    struct cclip_buffer header;
    struct cclip_writer writer = { 0 };
    size_t largest;
    cclip_buffer_open(&header, CCLIP_LIMIT_SAFETENSORS_HEADER);
    cclip_status status = add_notes(&header, notes, note_count);
    if (!status)
        status = add_entries(&header, &largest, entries, count);
    if (!status)
        status = cclip_writer_open(&writer, path);
    if (!status)
        status = write_all(&writer, &header, largest, entries, count, fill, context);
    if (!status)
        status = cclip_writer_commit(&writer);
    cclip_writer_close(&writer);
    cclip_buffer_close(&header);
    return status;
}
