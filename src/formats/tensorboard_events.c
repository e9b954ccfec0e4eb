#include "formats/tensorboard_events.h"

#include <string.h>

#include "base/memory.h"

enum { RECORD_MAXIMUM = 1 << 20, FRAME_HEAD = 12 };

/* A field's key: its number and how its value is stored. */
enum wire { VARINT = 0, EIGHT_BYTES = 1, LENGTH_FIRST = 2, FOUR_BYTES = 5 };
#define KEY(number, wire) ((number) << 3 | (wire))

uint32_t cclip_crc32c(const void *data, size_t size)
{
    const unsigned char *in = data;
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < size; i++) {
        crc ^= in[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? UINT32_C(0x82f63b78) : 0); /* the polynomial, reflected */
    }
    return ~crc;
}

/* TFRecord's mask: a CRC over data that holds CRCs would be weak. */
static uint32_t masked_crc(const void *data, size_t size)
{
    const uint32_t crc = cclip_crc32c(data, size);
    return (crc >> 15 | crc << 17) + UINT32_C(0xa282ead8);
}

static void put_little(char *out, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        out[i] = (char)(value >> 8 * i & 0xff);
}

static cclip_status add_little(struct cclip_buffer *out, uint64_t value, int bytes)
{
    char little[8];
    put_little(little, value, bytes);
    return cclip_buffer_append(out, little, (size_t)bytes);
}

static cclip_status add_varint(struct cclip_buffer *out, uint64_t value)
{
    char bytes[10];
    size_t length = 0;
    for (; value >= 0x80; value >>= 7)
        bytes[length++] = (char)((value & 0x7f) | 0x80);
    bytes[length++] = (char)value;
    return cclip_buffer_append(out, bytes, length);
}

static size_t varint_length(uint64_t value)
{
    size_t length = 1;
    for (; value >= 0x80; value >>= 7)
        length++;
    return length;
}

static cclip_status add_text(struct cclip_buffer *out, int number, const char *text)
{
    const size_t length = strlen(text);
    cclip_status status = cclip_buffer_byte(out, KEY(number, LENGTH_FIRST));
    if (!status)
        status = add_varint(out, length);
    return status ? status : cclip_buffer_append(out, text, length);
}

static cclip_status add_double(struct cclip_buffer *out, int number, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    const cclip_status status = cclip_buffer_byte(out, KEY(number, EIGHT_BYTES));
    return status ? status : add_little(out, bits, 8);
}

static cclip_status add_float(struct cclip_buffer *out, int number, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    const cclip_status status = cclip_buffer_byte(out, KEY(number, FOUR_BYTES));
    return status ? status : add_little(out, bits, 4);
}

/* Leaves room for the frame's head, which is known when the data is. */
static cclip_status begin(struct cclip_buffer *out, double wall_time)
{
    static const char head[FRAME_HEAD];
    const cclip_status status = cclip_buffer_append(out, head, sizeof head);
    return status ? status : add_double(out, 1, wall_time);
}

static cclip_status begin_step(struct cclip_buffer *out, double wall_time, uint64_t step)
{
    cclip_status status = begin(out, wall_time);
    if (!status)
        status = cclip_buffer_byte(out, KEY(2, VARINT));
    return status ? status : add_varint(out, step);
}

/* Puts the frame around the data from `start` on; on failure `out` is as it was. */
static cclip_status end(struct cclip_buffer *out, size_t start, cclip_status status)
{
    if (!status) {
        const size_t size = out->length - start - FRAME_HEAD;
        char *head = out->data + start;
        put_little(head, size, 8);
        put_little(head + 8, masked_crc(head, 8), 4);
        status = add_little(out, masked_crc(head + FRAME_HEAD, size), 4);
    }
    if (status)
        out->length = start;
    return status;
}

cclip_status cclip_events_version(struct cclip_buffer *out, double wall_time)
{
    const size_t start = out->length;
    cclip_status status = begin(out, wall_time);
    if (!status)
        status = add_text(out, 3, "brain.Event:2");
    return end(out, start, status);
}

cclip_status cclip_events_start(struct cclip_buffer *out, double wall_time, uint64_t step)
{
    static const char session_log[] = { KEY(7, LENGTH_FIRST), 2, KEY(1, VARINT), 1 };
    const size_t start = out->length;
    cclip_status status = begin_step(out, wall_time, step);
    if (!status)
        status = cclip_buffer_append(out, session_log, sizeof session_log);
    return end(out, start, status);
}

/* Bytes of a Value: two keys, the tag with its length, a float. */
static size_t value_length(const struct cclip_scalar *scalar)
{
    const size_t tag = strlen(scalar->tag);
    return 1 + varint_length(tag) + tag + 1 + 4;
}

static cclip_status add_value(struct cclip_buffer *out, const struct cclip_scalar *scalar)
{
    cclip_status status = cclip_buffer_byte(out, KEY(1, LENGTH_FIRST));
    if (!status)
        status = add_varint(out, value_length(scalar));
    if (!status)
        status = add_text(out, 1, scalar->tag);
    return status ? status : add_float(out, 2, (float)scalar->value);
}

cclip_status cclip_events_scalars(struct cclip_buffer *out, double wall_time, uint64_t step,
                                  const struct cclip_scalar *scalars, size_t count)
{
    const size_t start = out->length;
    size_t summary = 0;
    for (size_t i = 0; i < count; i++)
        summary += 1 + varint_length(value_length(&scalars[i])) + value_length(&scalars[i]);
    cclip_status status = begin_step(out, wall_time, step);
    if (!status)
        status = cclip_buffer_byte(out, KEY(5, LENGTH_FIRST));
    if (!status)
        status = add_varint(out, summary);
    for (size_t i = 0; i < count && !status; i++)
        status = add_value(out, &scalars[i]);
    return end(out, start, status);
}

static cclip_status write_out(struct cclip_events_file *file)
{
    const struct cclip_buffer *record = &file->record;
    if (fwrite(record->data, 1, record->length, file->stream) != record->length ||
        fflush(file->stream))
        return cclip_fail_errno(file->path, "cannot write");
    return CCLIP_OK;
}

cclip_status cclip_events_file_open(struct cclip_events_file *out, const char *path,
                                    double wall_time, uint64_t first_step)
{
    *out = (struct cclip_events_file){ 0 };
    cclip_buffer_open(&out->record, RECORD_MAXIMUM);
    cclip_status status = cclip_events_version(&out->record, wall_time);
    if (!status)
        status = cclip_events_start(&out->record, wall_time, first_step);
    if (!status && !(out->path = cclip_copy_text(path, strlen(path))))
        status = CCLIP_ERROR_MEMORY;
    if (!status && !(out->stream = fopen(path, "wbe")))
        status = cclip_fail_errno(path, "cannot open");
    if (!status)
        status = write_out(out);
    if (status)
        cclip_events_file_close(out);
    return status;
}

cclip_status cclip_events_file_scalars(struct cclip_events_file *file, double wall_time,
                                       uint64_t step, const struct cclip_scalar *scalars,
                                       size_t count)
{
    cclip_buffer_clear(&file->record);
    const cclip_status status =
        cclip_events_scalars(&file->record, wall_time, step, scalars, count);
    return status ? status : write_out(file);
}

void cclip_events_file_close(struct cclip_events_file *file)
{
    if (file->stream)
        fclose(file->stream);
    cclip_release(file->path);
    cclip_buffer_close(&file->record);
    *file = (struct cclip_events_file){ 0 };
}
