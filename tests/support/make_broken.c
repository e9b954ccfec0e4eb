/* Writes broken files for tests/cli/bad_input.tsv. Usage: make_broken KIND ARGUMENTS...
 *
 *   bytes OUT HEX                     those bytes
 *   poke FILE OFFSET HEX              those bytes at that place; a negative offset counts from the end
 *   edit IN OUT OLD NEW               OLD (first occurrence) replaced by NEW
 *   safetensors-edit IN OUT OLD NEW   the header text with OLD (first occurrence) replaced by NEW
 *   safetensors-nan IN OUT TENSOR     the first element of a tensor becomes NaN
 *   safetensors-length OUT HEX        a header length of 0xHEX and no header
 *   png-size OUT WIDTH HEIGHT         a PNG whose header claims that size
 *   zip-bomb OUT                      torch.save zip whose data.pkl inflates to 1 GB of zeros
 *   zip-pickle OUT HEX                torch.save zip whose data.pkl is the given bytes
 *   pickle-system OUT                 ... a pickle that calls os.system("touch pwned")
 *   pickle-recursive OUT              ... a dictionary that contains itself
 *   pickle-deep OUT                   ... 100,000 lists inside each other
 *   gguf-count OUT                    GGUF that claims 2^61 tensors
 *   gguf-mmproj OUT                   GGUF of llama.cpp's multimodal projector
 *   gguf-version OUT N                GGUF of that version
 *   npy OUT DESCR SHAPE VALUES        header as given (SHAPE as "(2, 3)"), VALUES bytes of zeros
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static void die(const char *what)
{
    fprintf(stderr, "make_broken: %s\n", what);
    exit(1);
}

struct bytes {
    unsigned char *data;
    size_t length;
};

static void put(struct bytes *b, const void *data, size_t length)
{
    if (!length)
        return;
    unsigned char *grown = realloc(b->data, b->length + length);
    if (!grown)
        die("no memory");
    memcpy(grown + b->length, data, length);
    b->data = grown;
    b->length += length;
}

static void put_text(struct bytes *b, const char *text)
{
    put(b, text, strlen(text));
}

/* `size` bytes of `value`, lowest first. */
static void put_number(struct bytes *b, uint64_t value, size_t size)
{
    unsigned char little[8];
    for (size_t i = 0; i < 8; i++)
        little[i] = (unsigned char)(value >> (8 * i));
    put(b, little, size);
}

static void put_big(struct bytes *b, uint32_t value)
{
    const unsigned char big[4] = { (unsigned char)(value >> 24), (unsigned char)(value >> 16),
                                   (unsigned char)(value >> 8), (unsigned char)value };
    put(b, big, 4);
}

static void put_hex(struct bytes *b, const char *hex)
{
    for (; hex[0] && hex[1]; hex += 2) {
        const char digits[3] = { hex[0], hex[1], 0 };
        put_number(b, strtoul(digits, NULL, 16), 1);
    }
}

static struct bytes read_file(const char *path)
{
    struct bytes b = { NULL, 0 };
    unsigned char chunk[65536];
    size_t length;
    FILE *file = fopen(path, "rb");
    if (!file)
        die(path);
    while ((length = fread(chunk, 1, sizeof(chunk), file)))
        put(&b, chunk, length);
    fclose(file);
    return b;
}

static void write_file(const char *path, struct bytes *b)
{
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(b->data, 1, b->length, file) != b->length || fclose(file))
        die(path);
    free(b->data);
}

static uint64_t header_length(const struct bytes *b)
{
    uint64_t length = 0;
    for (size_t i = 0; i < 8 && i < b->length; i++)
        length |= (uint64_t)b->data[i] << (8 * i);
    if (b->length < 8 || length > b->length - 8)
        die("no safetensors file");
    return length;
}

static const char *find(const char *text, size_t length, const char *wanted)
{
    const size_t size = strlen(wanted);
    for (size_t i = 0; i + size <= length; i++)
        if (!memcmp(text + i, wanted, size))
            return text + i;
    die(wanted);
    return NULL;
}

static void bytes(char **a)
{
    struct bytes out = { NULL, 0 };
    put_hex(&out, a[1]);
    write_file(a[0], &out);
}

static void poke(char **a)
{
    struct bytes in = read_file(a[0]), out = { NULL, 0 };
    const long at = strtol(a[1], NULL, 0);
    const size_t offset = at < 0 ? in.length - (size_t)-at : (size_t)at;
    put_hex(&out, a[2]);
    if (offset > in.length || out.length > in.length - offset)
        die("offset");
    memcpy(in.data + offset, out.data, out.length);
    free(out.data);
    write_file(a[0], &in);
}

static void edit(char **a)
{
    struct bytes in = read_file(a[0]), out = { NULL, 0 };
    const char *text = (const char *)in.data, *at = find(text, in.length, a[2]);
    const size_t before = (size_t)(at - text), after = before + strlen(a[2]);
    put(&out, text, before);
    put_text(&out, a[3]);
    put(&out, text + after, in.length - after);
    free(in.data);
    write_file(a[1], &out);
}

static void safetensors_edit(char **a)
{
    struct bytes in = read_file(a[0]), out = { NULL, 0 };
    const size_t length = (size_t)header_length(&in);
    const char *header = (const char *)in.data + 8, *at = find(header, length, a[2]);
    const size_t before = (size_t)(at - header), after = before + strlen(a[2]);
    put_number(&out, length - strlen(a[2]) + strlen(a[3]), 8);
    put(&out, header, before);
    put_text(&out, a[3]);
    put(&out, header + after, in.length - 8 - after);
    free(in.data);
    write_file(a[1], &out);
}

static void safetensors_nan(char **a)
{
    struct bytes in = read_file(a[0]);
    const size_t length = (size_t)header_length(&in);
    char name[256];
    snprintf(name, sizeof(name), "\"%s\"", a[2]);
    const char *entry = find((const char *)in.data + 8, length, name);
    const char *offsets = find(entry, 400, "data_offsets");
    const size_t at = 8 + length + (size_t)strtoull(strchr(offsets, '[') + 1, NULL, 10);
    if (at + 4 > in.length)
        die("offset");
    memset(in.data + at, 0xff, 4); /* NaN in f32, f16 and bf16 */
    write_file(a[1], &in);
}

static void safetensors_length(char **a)
{
    struct bytes out = { NULL, 0 };
    put_number(&out, strtoull(a[1], NULL, 16), 8);
    put_text(&out, "{}      ");
    write_file(a[0], &out);
}

static void png_chunk(struct bytes *out, const char *type, const struct bytes *content)
{
    struct bytes typed = { NULL, 0 };
    put(&typed, type, 4);
    put(&typed, content->data, content->length);
    put_big(out, (uint32_t)content->length);
    put(out, typed.data, typed.length);
    put_big(out, (uint32_t)crc32(0, typed.data, (uInt)typed.length));
    free(typed.data);
}

static void png_size(char **a)
{
    struct bytes out = { NULL, 0 }, header = { NULL, 0 }, data = { NULL, 0 }, none = { NULL, 0 };
    unsigned char packed[64];
    uLongf size = sizeof(packed);
    put(&out, "\x89PNG\r\n\x1a\n", 8);
    put_big(&header, (uint32_t)strtoul(a[1], NULL, 10));
    put_big(&header, (uint32_t)strtoul(a[2], NULL, 10));
    put(&header, "\x08\x02\0\0\0", 5); /* 8 bits, RGB */
    compress(packed, &size, (const unsigned char *)"\0\0\0\0", 4);
    put(&data, packed, size);
    png_chunk(&out, "IHDR", &header);
    png_chunk(&out, "IDAT", &data);
    png_chunk(&out, "IEND", &none);
    free(header.data);
    free(data.data);
    write_file(a[0], &out);
}

/* A zip with one file, as torch.save lays it out. */
static void write_zip(const char *path, const struct bytes *packed, uint32_t crc, uint64_t size,
                      int method)
{
    static const char name[] = "archive/data.pkl";
    struct bytes out = { NULL, 0 };
    for (int central = 0; central < 2; central++) {
        const uint32_t start = central ? (uint32_t)out.length : 0;
        put_number(&out, central ? 0x02014b50 : 0x04034b50, 4);
        put_number(&out, 20, central ? 4 : 2); /* versions */
        put_number(&out, 0, 2);                /* flags */
        put_number(&out, (uint64_t)method, 2);
        put_number(&out, 0, 4); /* time */
        put_number(&out, crc, 4);
        put_number(&out, packed->length, 4);
        put_number(&out, size, 4);
        put_number(&out, sizeof(name) - 1, 2);
        put_number(&out, 0, 2); /* extra */
        for (int i = 0; central && i < 14; i++)
            put_number(&out, 0, 1); /* comment, disk, attributes, offset */
        put_text(&out, name);
        if (!central) {
            put(&out, packed->data, packed->length);
            continue;
        }
        const uint32_t length = (uint32_t)out.length - start;
        put_number(&out, 0x06054b50, 4);
        put_number(&out, 0, 4);
        put_number(&out, 1, 2);
        put_number(&out, 1, 2);
        put_number(&out, length, 4);
        put_number(&out, start, 4);
        put_number(&out, 0, 2);
    }
    write_file(path, &out);
}

static void zip_of(const char *path, struct bytes *pickle)
{
    write_zip(path, pickle, (uint32_t)crc32(0, pickle->data, (uInt)pickle->length), pickle->length,
              0);
    free(pickle->data);
}

static void zip_bomb(char **a)
{
    enum { CHUNK = 1 << 20, CHUNKS = 1000 };
    static unsigned char zeros[CHUNK], packed[CHUNK];
    struct bytes out = { NULL, 0 };
    z_stream z;
    uLong crc = 0;
    memset(&z, 0, sizeof(z));
    if (deflateInit2(&z, 9, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY) != Z_OK)
        die("deflate");
    for (int i = 0; i < CHUNKS; i++) {
        z.next_in = zeros;
        z.avail_in = CHUNK;
        do {
            z.next_out = packed;
            z.avail_out = CHUNK;
            deflate(&z, i == CHUNKS - 1 ? Z_FINISH : Z_NO_FLUSH);
            put(&out, packed, CHUNK - z.avail_out);
        } while (!z.avail_out);
        crc = crc32(crc, zeros, CHUNK);
    }
    deflateEnd(&z);
    write_zip(a[0], &out, (uint32_t)crc, (uint64_t)CHUNK * CHUNKS, 8);
    free(out.data);
}

static void pickle_system(char **a)
{
    struct bytes pickle = { NULL, 0 };
    put_text(&pickle, "\x80\x02"
                      "cos\nsystem\nU\x0btouch pwned\x85R.");
    zip_of(a[0], &pickle);
}

static void pickle_recursive(char **a)
{
    struct bytes pickle = { NULL, 0 };
    /* d = {}; d["weight"] = d */
    put(&pickle, "\x80\x02}q\0X\x06\0\0\0weighth\0s.", 20);
    zip_of(a[0], &pickle);
}

static void pickle_deep(char **a)
{
    struct bytes pickle = { NULL, 0 };
    put_text(&pickle, "\x80\x02");
    for (int i = 0; i < 100000; i++)
        put_text(&pickle, "](");
    for (int i = 0; i < 100000; i++)
        put_text(&pickle, "e");
    put_text(&pickle, ".");
    zip_of(a[0], &pickle);
}

static void zip_pickle(char **a)
{
    struct bytes pickle = { NULL, 0 };
    put_hex(&pickle, a[1]);
    zip_of(a[0], &pickle);
}

static void gguf_start(struct bytes *out, unsigned version, uint64_t tensors, uint64_t keys)
{
    put_text(out, "GGUF");
    put_number(out, version, 4);
    put_number(out, tensors, 8);
    put_number(out, keys, 8);
}

static void gguf_string(struct bytes *out, const char *key, const char *value)
{
    put_number(out, strlen(key), 8);
    put_text(out, key);
    put_number(out, 8, 4); /* a string */
    put_number(out, strlen(value), 8);
    put_text(out, value);
}

static void gguf_count(char **a)
{
    struct bytes out = { NULL, 0 };
    gguf_start(&out, 3, (uint64_t)1 << 61, 1);
    gguf_string(&out, "general.architecture", "clip");
    write_file(a[0], &out);
}

static void gguf_mmproj(char **a)
{
    struct bytes out = { NULL, 0 };
    gguf_start(&out, 3, 0, 2);
    gguf_string(&out, "general.architecture", "clip");
    gguf_string(&out, "clip.projector_type", "mlp");
    write_file(a[0], &out);
}

static void gguf_version(char **a)
{
    struct bytes out = { NULL, 0 };
    gguf_start(&out, (unsigned)strtoul(a[1], NULL, 10), 0, 1);
    gguf_string(&out, "general.architecture", "clip");
    write_file(a[0], &out);
}

static void npy(char **a)
{
    struct bytes out = { NULL, 0 };
    char header[256];
    const int length =
        snprintf(header, sizeof(header), "{'descr': '%s', 'fortran_order': False, 'shape': %s, }",
                 a[1], a[2]);
    put(&out, "\x93NUMPY\x01\0", 8);
    put_number(&out, 118, 2);
    put(&out, header, (size_t)length);
    for (int i = length; i < 117; i++)
        put_text(&out, " ");
    put_text(&out, "\n");
    for (unsigned long i = strtoul(a[3], NULL, 10); i; i--)
        put_number(&out, 0, 1);
    write_file(a[0], &out);
}

int main(int count, char **arguments)
{
    static const struct {
        const char *kind;
        int arguments;
        void (*make)(char **arguments);
    } kinds[] = {
        { "bytes", 2, bytes },
        { "poke", 3, poke },
        { "edit", 4, edit },
        { "safetensors-edit", 4, safetensors_edit },
        { "safetensors-nan", 3, safetensors_nan },
        { "safetensors-length", 2, safetensors_length },
        { "png-size", 3, png_size },
        { "zip-bomb", 1, zip_bomb },
        { "zip-pickle", 2, zip_pickle },
        { "pickle-system", 1, pickle_system },
        { "pickle-recursive", 1, pickle_recursive },
        { "pickle-deep", 1, pickle_deep },
        { "gguf-count", 1, gguf_count },
        { "gguf-mmproj", 1, gguf_mmproj },
        { "gguf-version", 2, gguf_version },
        { "npy", 4, npy },
    };
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
        if (count == kinds[i].arguments + 2 && !strcmp(arguments[1], kinds[i].kind)) {
            kinds[i].make(arguments + 2);
            return 0;
        }
    die("unknown kind, or another number of arguments");
}
