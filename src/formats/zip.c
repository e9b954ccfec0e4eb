#include "formats/zip.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/limits.h"
#include "base/memory.h"

enum {
    END_SIZE = 22,      /* end of central directory, without its comment */
    LOCATOR_SIZE = 20,  /* zip64's pointer to its own end record, right before the other */
    END64_SIZE = 56,
    CENTRAL_SIZE = 46,  /* an entry of the directory, without its texts */
    LOCAL_SIZE = 30,
    STORED = 0,
    DEFLATED = 8,
    ENCRYPTED = 1, /* flag bits */
    ZIP64_EXTRA = 1
};

struct cclip_zip {
    const char *name; /* of the archive; a copy */
    const unsigned char *data;
    size_t size;
    struct cclip_zip_entry *entries; /* in the directory's order */
    size_t count;
    const struct cclip_zip_entry **sorted; /* by name */
};

/* Where the directory is, by the end record. */
struct directory {
    uint64_t offset, size, count;
};

static uint64_t number(const unsigned char *p, size_t bytes)
{
    uint64_t value = 0;
    for (size_t i = 0; i < bytes; i++)
        value |= (uint64_t)p[i] << (8 * i);
    return value;
}

static int has_signature(const unsigned char *p, const char *signature)
{
    return !memcmp(p, signature, 4);
}

/* The end record is searched backwards from the end: its comment, 65,535 bytes at most, must reach
 * exactly to the end of the file. */
static cclip_status find_end(size_t *out, const struct cclip_zip *zip)
{
    for (size_t back = END_SIZE; back <= zip->size && back <= END_SIZE + 65535; back++) {
        const unsigned char *p = zip->data + zip->size - back;
        if (has_signature(p, "PK\5\6") && number(p + 20, 2) == back - END_SIZE) {
            *out = zip->size - back;
            return CCLIP_OK;
        }
    }
    return cclip_fail(
        CCLIP_ERROR_FORMAT,
        "%s: a zip archive of %zu bytes without its directory: is the file cut short?", zip->name,
        zip->size);
}

static cclip_status read_end64(struct directory *out, const struct cclip_zip *zip, size_t locator)
{
    const uint64_t offset = number(zip->data + locator + 8, 8);
    if (offset > locator || locator - offset < END64_SIZE ||
        !has_signature(zip->data + offset, "PK\6\6"))
        return cclip_fail(
            CCLIP_ERROR_FORMAT,
            "%s: byte %zu: the zip64 locator points to byte %llu, where no end record is",
            zip->name, locator, (unsigned long long)offset);
    const unsigned char *p = zip->data + offset;
    out->count = number(p + 32, 8);
    out->size = number(p + 40, 8);
    out->offset = number(p + 48, 8);
    return CCLIP_OK;
}

static cclip_status find_directory(struct directory *out, const struct cclip_zip *zip)
{
    size_t end = 0;
    cclip_status status = find_end(&end, zip);
    if (status)
        return status;
    const unsigned char *p = zip->data + end;
    const size_t locator = end - LOCATOR_SIZE;
    *out = (struct directory){ .count = number(p + 10, 2), .size = number(p + 12, 4),
                               .offset = number(p + 16, 4) };
    if (end >= LOCATOR_SIZE && has_signature(zip->data + locator, "PK\6\7"))
        status = read_end64(out, zip, locator);
    else if (number(p + 4, 2) || number(p + 6, 2) || number(p + 8, 2) != out->count)
        return cclip_fail(CCLIP_ERROR_UNSUPPORTED, "%s: a zip archive in several parts", zip->name);
    if (status)
        return status;
    if (out->offset > end || out->size > end - out->offset)
        return cclip_fail(CCLIP_ERROR_FORMAT,
                          "%s: the zip directory is said to be %llu bytes at byte %llu of %zu",
                          zip->name, (unsigned long long)out->size, (unsigned long long)out->offset,
                          zip->size);
    if (out->count > CCLIP_LIMIT_ZIP_ENTRIES)
        return cclip_fail(CCLIP_ERROR_LIMIT, "%s: %llu zip entries; at most %zu are accepted",
                          zip->name, (unsigned long long)out->count, CCLIP_LIMIT_ZIP_ENTRIES);
    if (out->count > out->size / CENTRAL_SIZE)
        return cclip_fail(CCLIP_ERROR_FORMAT, "%s: %llu zip entries in a directory of %llu bytes",
                          zip->name, (unsigned long long)out->count, (unsigned long long)out->size);
    return CCLIP_OK;
}

/* Sizes and offset that do not fit 32 bits stand in an extra field, in this order, each only if its
 * place in the directory is all ones. Returns 0 if one is missing. */
static int read_zip64(uint64_t value[3], const unsigned char *extra, size_t length)
{
    size_t at = 0;
    const unsigned char *field = NULL;
    size_t left = 0;
    while (!field && length - at >= 4) {
        const size_t size = (size_t)number(extra + at + 2, 2);
        if (size > length - at - 4)
            break;
        if (number(extra + at, 2) == ZIP64_EXTRA) {
            field = extra + at + 4;
            left = size;
        }
        at += 4 + size;
    }
    for (int i = 0; i < 3; i++) {
        if (value[i] != 0xffffffffu)
            continue;
        if (left < 8)
            return 0;
        value[i] = number(field, 8);
        field += 8;
        left -= 8;
    }
    return 1;
}

static cclip_status fail_entry(const struct cclip_zip *zip, const struct cclip_zip_entry *entry,
                               cclip_status status, const char *what)
{
    const int length = entry->name_length < 200 ? (int)entry->name_length : 200;
    return cclip_fail(status, "%s: zip entry \"%.*s\" (%zu bytes, packed %zu, at byte %zu): %s",
                      zip->name, length, entry->name, entry->size, entry->packed, entry->offset,
                      what);
}

static cclip_status check_entry(const struct cclip_zip *zip, const struct cclip_zip_entry *entry,
                                unsigned flags, unsigned method)
{
    if (flags & ENCRYPTED)
        return fail_entry(zip, entry, CCLIP_ERROR_UNSUPPORTED, "is encrypted");
    if (method != STORED && method != DEFLATED)
        return fail_entry(zip, entry, CCLIP_ERROR_UNSUPPORTED,
                          "is packed by a method other than deflate");
    if (entry->offset > zip->size || entry->packed > zip->size - entry->offset)
        return fail_entry(zip, entry, CCLIP_ERROR_FORMAT, "reaches beyond the end of the file");
    if (method == STORED && entry->size != entry->packed)
        return fail_entry(zip, entry, CCLIP_ERROR_FORMAT, "is stored, but its sizes differ");
    if (method == DEFLATED && entry->size / CCLIP_LIMIT_ZIP_INFLATE_RATIO > entry->packed)
        return fail_entry(zip, entry, CCLIP_ERROR_LIMIT, "cannot unpack to so much");
    return CCLIP_OK;
}

/* One entry at `p`, `left` bytes before the directory's end; `*used` bytes of them. */
static cclip_status read_entry(struct cclip_zip_entry *out, size_t *used,
                               const struct cclip_zip *zip, const unsigned char *p, size_t left)
{
    const size_t at = (size_t)(p - zip->data);
    if (left < CENTRAL_SIZE || !has_signature(p, "PK\1\2"))
        return cclip_fail(CCLIP_ERROR_FORMAT,
                          "%s: byte %zu: an entry of the zip directory was expected", zip->name,
                          at);
    const size_t name = (size_t)number(p + 28, 2), extra = (size_t)number(p + 30, 2);
    *used = CENTRAL_SIZE + name + extra + (size_t)number(p + 32, 2);
    if (*used > left)
        return cclip_fail(CCLIP_ERROR_FORMAT,
                          "%s: byte %zu: an entry longer than the zip directory", zip->name, at);
    uint64_t value[3] = { number(p + 24, 4), number(p + 20, 4), number(p + 42, 4) };
    const int whole = read_zip64(value, p + CENTRAL_SIZE + name, extra);
    const unsigned method = (unsigned)number(p + 10, 2);
    *out = (struct cclip_zip_entry){
        .name = (const char *)p + CENTRAL_SIZE,
        .name_length = name,
        .size = (size_t)value[0],
        .packed = (size_t)value[1],
        .offset = (size_t)value[2],
        .crc = (uint32_t)number(p + 16, 4),
        .deflated = method == DEFLATED,
    };
    return whole ? check_entry(zip, out, (unsigned)number(p + 8, 2), method)
                 : fail_entry(zip, out, CCLIP_ERROR_FORMAT, "lacks its zip64 sizes");
}

static int compare_text(const char *a, size_t a_length, const char *b, size_t b_length)
{
    const int order = memcmp(a, b, a_length < b_length ? a_length : b_length);
    return order ? order : (a_length > b_length) - (a_length < b_length);
}

static int compare_entries(const void *a, const void *b)
{
    const struct cclip_zip_entry *x = *(const struct cclip_zip_entry *const *)a;
    const struct cclip_zip_entry *y = *(const struct cclip_zip_entry *const *)b;
    return compare_text(x->name, x->name_length, y->name, y->name_length);
}

static cclip_status sort_entries(struct cclip_zip *zip)
{
    for (size_t i = 0; i < zip->count; i++)
        zip->sorted[i] = &zip->entries[i];
    if (zip->count)
        qsort(zip->sorted, zip->count, sizeof *zip->sorted, compare_entries);
    for (size_t i = 1; i < zip->count; i++)
        if (!compare_entries(&zip->sorted[i - 1], &zip->sorted[i]))
            return fail_entry(zip, zip->sorted[i], CCLIP_ERROR_FORMAT,
                              "there are two of this name");
    return CCLIP_OK;
}

static cclip_status read_directory(struct cclip_zip *zip)
{
    struct directory directory;
    cclip_status status = find_directory(&directory, zip);
    if (status)
        return status;
    zip->entries = cclip_allocate((size_t)directory.count, sizeof *zip->entries);
    zip->sorted = cclip_allocate((size_t)directory.count, sizeof *zip->sorted);
    if (!zip->entries || !zip->sorted)
        return CCLIP_ERROR_MEMORY;
    const unsigned char *p = zip->data + directory.offset;
    size_t left = (size_t)directory.size;
    for (; zip->count < directory.count; zip->count++) {
        size_t used = 0;
        status = read_entry(&zip->entries[zip->count], &used, zip, p, left);
        if (status)
            return status;
        p += used;
        left -= used;
    }
    return sort_entries(zip);
}

cclip_status cclip_zip_open(struct cclip_zip **out, const void *data, size_t size, const char *name)
{
    *out = NULL;
    struct cclip_zip *zip = cclip_allocate_zero(1, sizeof *zip);
    if (!zip)
        return CCLIP_ERROR_MEMORY;
    zip->data = data;
    zip->size = size;
    zip->name = cclip_copy_text(name, strlen(name));
    const cclip_status status = zip->name ? read_directory(zip) : CCLIP_ERROR_MEMORY;
    if (status)
        cclip_zip_close(&zip);
    *out = zip;
    return status;
}

void cclip_zip_close(struct cclip_zip **zip)
{
    if (!*zip)
        return;
    cclip_release((void *)(size_t)(*zip)->name);
    cclip_release((*zip)->entries);
    cclip_release((*zip)->sorted);
    cclip_release(*zip);
    *zip = NULL;
}

size_t cclip_zip_count(const struct cclip_zip *zip)
{
    return zip->count;
}

const struct cclip_zip_entry *cclip_zip_entry(const struct cclip_zip *zip, size_t index)
{
    return &zip->entries[index];
}

const struct cclip_zip_entry *cclip_zip_find(const struct cclip_zip *zip, const char *name,
                                             size_t length)
{
    size_t low = 0, high = zip->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const struct cclip_zip_entry *entry = zip->sorted[middle];
        const int order = compare_text(entry->name, entry->name_length, name, length);
        if (!order)
            return entry;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

cclip_status cclip_zip_data(const unsigned char **out, const struct cclip_zip *zip,
                            const struct cclip_zip_entry *entry)
{
    const unsigned char *p = zip->data + entry->offset;
    const size_t left = zip->size - entry->offset;
    if (left < LOCAL_SIZE || !has_signature(p, "PK\3\4"))
        return fail_entry(zip, entry, CCLIP_ERROR_FORMAT, "its local header is not there");
    const size_t name = (size_t)number(p + 26, 2), extra = (size_t)number(p + 28, 2);
    if (name + extra > left - LOCAL_SIZE || entry->packed > left - LOCAL_SIZE - name - extra)
        return fail_entry(zip, entry, CCLIP_ERROR_FORMAT, "reaches beyond the end of the file");
    if (compare_text((const char *)p + LOCAL_SIZE, name, entry->name, entry->name_length))
        return fail_entry(zip, entry, CCLIP_ERROR_FORMAT, "its local header has another name");
    *out = p + LOCAL_SIZE + name + extra;
    return CCLIP_OK;
}

static void *take(void *context, unsigned count, unsigned size)
{
    (void)context;
    return cclip_allocate(count, size);
}

static void give(void *context, void *pointer)
{
    (void)context;
    cclip_release(pointer);
}

/* zlib counts in 32 bits: both sides are handed over in pieces. Success means that the data ended
 * exactly where input and output do; one byte beyond the output is room to notice that it did not.
 */
static int inflate_pieces(z_stream *stream, unsigned char *out, size_t size,
                          const unsigned char *in, size_t packed)
{
    enum { PIECE = 1 << 30 };
    size_t in_left = packed, out_left = size;
    unsigned char beyond;
    int result = Z_OK;
    stream->next_in = (Bytef *)(size_t)in;
    stream->next_out = out;
    while (result == Z_OK && stream->total_out <= size) {
        if (!stream->avail_in) {
            stream->avail_in = in_left < PIECE ? (uInt)in_left : PIECE;
            in_left -= stream->avail_in;
        }
        if (!stream->avail_out && out_left) {
            stream->avail_out = out_left < PIECE ? (uInt)out_left : PIECE;
            out_left -= stream->avail_out;
        } else if (!stream->avail_out) {
            stream->next_out = &beyond;
            stream->avail_out = 1;
        }
        result = inflate(stream, Z_NO_FLUSH);
    }
    if (result == Z_MEM_ERROR)
        return result;
    const int whole =
        result == Z_STREAM_END && stream->total_out == size && !stream->avail_in && !in_left;
    return whole ? Z_OK : Z_DATA_ERROR;
}

static cclip_status inflate_entry(unsigned char *out, const struct cclip_zip *zip,
                                  const struct cclip_zip_entry *entry, const unsigned char *packed)
{
    z_stream stream = { .zalloc = take, .zfree = give };
    if (inflateInit2(&stream, -MAX_WBITS) != Z_OK)
        return cclip_fail_memory(1 << 16);
    const int result = inflate_pieces(&stream, out, entry->size, packed, entry->packed);
    inflateEnd(&stream);
    if (result == Z_MEM_ERROR)
        return cclip_fail_memory(1 << 16);
    return result == Z_OK
               ? CCLIP_OK
               : fail_entry(zip, entry, CCLIP_ERROR_FORMAT, "its packed data is damaged");
}

static uint32_t sum_of(const unsigned char *data, size_t size)
{
    return (uint32_t)crc32_z(crc32_z(0, NULL, 0), data, size);
}

cclip_status cclip_zip_read(void *out, const struct cclip_zip *zip,
                            const struct cclip_zip_entry *entry)
{
    const unsigned char *data;
    cclip_status status = cclip_zip_data(&data, zip, entry);
    if (!status && entry->deflated)
        status = inflate_entry(out, zip, entry, data);
    else if (!status && entry->size)
        memcpy(out, data, entry->size);
    if (!status && sum_of(out, entry->size) != entry->crc)
        status = fail_entry(zip, entry, CCLIP_ERROR_FORMAT, "is damaged: its sum is wrong");
    return status;
}
