/* Zip archives that a test makes. Include after support/made_files.h and zlib.h. */
#ifndef CCLIP_TESTS_MADE_ZIP_H
#define CCLIP_TESTS_MADE_ZIP_H

struct made_zip {
    struct made out, directory;
    size_t count;
    int zip64;  /* sizes and offsets in 64 bits */
    size_t gap; /* bytes of extra field before each entry's data */
};

/* Deflates as the format wants it: without a header. */
static inline struct made made_deflated(const void *data, size_t size)
{
    struct made packed = { malloc(size + 1024), 0 };
    z_stream stream;
    memset(&stream, 0, sizeof stream);
    assert_non_null(packed.data);
    assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY), Z_OK);
    stream.next_in = (Bytef *)(size_t)data;
    stream.avail_in = (uInt)size;
    stream.next_out = packed.data;
    stream.avail_out = (uInt)size + 1024;
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    packed.length = stream.total_out;
    deflateEnd(&stream);
    return packed;
}

/* What local header and directory have in common. */
static inline void made_zip_fields(struct made *to, const char *name, const void *data, size_t size,
                                   size_t packed, int deflated, int zip64, size_t extra)
{
    made_number(to, 0, 2); /* flags */
    made_number(to, deflated ? 8 : 0, 2);
    made_number(to, 0, 4); /* time */
    made_number(to, crc32(0, data, (uInt)size), 4);
    made_number(to, zip64 ? 0xffffffffu : packed, 4);
    made_number(to, zip64 ? 0xffffffffu : size, 4);
    made_number(to, strlen(name), 2);
    made_number(to, extra, 2);
}

static inline void made_zip_add(struct made_zip *zip, const char *name, const void *data, size_t size,
                                int deflated)
{
    struct made packed = { 0 };
    const size_t offset = zip->out.length;
    if (deflated)
        packed = made_deflated(data, size);
    else
        made_put(&packed, data, size);
    made_text(&zip->out, "PK\3\4");
    made_number(&zip->out, 45, 2);
    made_zip_fields(&zip->out, name, data, size, packed.length, deflated, 0, zip->gap);
    made_text(&zip->out, name);
    made_zeros(&zip->out, zip->gap);
    made_put(&zip->out, packed.data, packed.length);
    struct made *d = &zip->directory;
    made_text(d, "PK\1\2");
    made_number(d, 45, 2);
    made_number(d, 45, 2);
    made_zip_fields(d, name, data, size, packed.length, deflated, zip->zip64, zip->zip64 ? 34 : 0);
    made_zeros(d, 10); /* comment, disk, attributes */
    made_number(d, zip->zip64 ? 0xffffffffu : offset, 4);
    made_text(d, name);
    if (zip->zip64) {
        made_number(d, 0x4242, 2); /* another extra field before zip64's */
        made_number(d, 2, 2);
        made_number(d, 0, 2);
        made_number(d, 1, 2);
        made_number(d, 24, 2);
        made_number(d, size, 8);
        made_number(d, packed.length, 8);
        made_number(d, offset, 8);
    }
    made_free(&packed);
    zip->count++;
}

static inline void made_zip_end(struct made_zip *zip, const char *comment)
{
    const size_t start = zip->out.length, size = zip->directory.length;
    made_put(&zip->out, zip->directory.data, size);
    if (zip->zip64) {
        const size_t record = zip->out.length;
        made_text(&zip->out, "PK\6\6");
        made_number(&zip->out, 44, 8);
        made_number(&zip->out, 45, 2);
        made_number(&zip->out, 45, 2);
        made_number(&zip->out, 0, 8);
        made_number(&zip->out, zip->count, 8);
        made_number(&zip->out, zip->count, 8);
        made_number(&zip->out, size, 8);
        made_number(&zip->out, start, 8);
        made_text(&zip->out, "PK\6\7");
        made_number(&zip->out, 0, 4);
        made_number(&zip->out, record, 8);
        made_number(&zip->out, 1, 4);
    }
    made_text(&zip->out, "PK\5\6");
    made_number(&zip->out, 0, 4);
    made_number(&zip->out, zip->zip64 ? 0xffff : zip->count, 2);
    made_number(&zip->out, zip->zip64 ? 0xffff : zip->count, 2);
    made_number(&zip->out, zip->zip64 ? 0xffffffffu : size, 4);
    made_number(&zip->out, zip->zip64 ? 0xffffffffu : start, 4);
    made_number(&zip->out, strlen(comment), 2);
    made_text(&zip->out, comment);
}

static inline void made_zip_free(struct made_zip *zip)
{
    made_free(&zip->out);
    made_free(&zip->directory);
}

#endif
