/* Pickles, alone and as the data.pkl of an archive with two storages: "0" as it is and "1" deflated. */
#include "fuzz/checkpoint/open_bytes.h"

#include <zlib.h>

#include "checkpoint/pickle.h"

enum { STORAGE = 64, ROOM = 1024 };

struct archive {
    unsigned char *data;
    size_t length, count, central_length;
    unsigned char central[ROOM];
};

static size_t put(unsigned char *to, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        to[i] = (unsigned char)(value >> (8 * i));
    return bytes;
}

static void add(struct archive *a, const char *name, const void *data, size_t size, const void *packed,
                size_t packed_size)
{
    const size_t offset = a->length, name_length = strlen(name);
    for (int central = 0; central < 2; central++) {
        unsigned char *p = central ? a->central + a->central_length : a->data + a->length, *start = p;
        p += put(p, central ? 0x02014b50 : 0x04034b50, 4);
        p += put(p, 20, central ? 4 : 2);
        p += put(p, 0, 2);
        p += put(p, packed != data ? 8 : 0, 2);
        p += put(p, 0, 4);
        p += put(p, crc32(0, data, (uInt)size), 4);
        p += put(p, packed_size, 4);
        p += put(p, size, 4);
        p += put(p, name_length, 2);
        p += put(p, 0, 2);
        if (central)
            p += put(p, 0, 8) + put(p + 8, 0, 2) + put(p + 10, offset, 4);
        memcpy(p, name, name_length);
        p += name_length;
        if (central) {
            a->central_length += (size_t)(p - start);
        } else {
            if (packed_size)
                memcpy(p, packed, packed_size);
            a->length += (size_t)(p - start) + packed_size;
        }
    }
    a->count++;
}

static void finish(struct archive *a)
{
    unsigned char *p = a->data + a->length;
    const size_t start = a->length;
    memcpy(p, a->central, a->central_length);
    p += a->central_length;
    p += put(p, 0x06054b50, 4);
    p += put(p, 0, 4);
    p += put(p, a->count, 2);
    p += put(p, a->count, 2);
    p += put(p, a->central_length, 4);
    p += put(p, start, 4);
    p += put(p, 0, 2);
    a->length = (size_t)(p - a->data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct archive a = { .data = malloc(size + 4 * ROOM) };
    unsigned char storage[STORAGE], packed[2 * STORAGE];
    uLongf packed_size = sizeof packed;
    struct cclip_pickle pickle;
    if (!a.data)
        return 0;
    if (cclip_pickle_read(&pickle, data, size, "input"))
        check_message();
    cclip_pickle_close(&pickle);
    for (int i = 0; i < STORAGE; i++)
        storage[i] = (unsigned char)i;
    compress(packed, &packed_size, storage, sizeof storage);
    add(&a, "a/data.pkl", data, size, data, size);
    add(&a, "a/data/0", storage, sizeof storage, storage, sizeof storage);
    add(&a, "a/data/1", storage, sizeof storage, packed + 2, packed_size - 6); /* without zlib's frame */
    finish(&a);
    open_bytes(a.data, a.length);
    free(a.data);
    return 0;
}
