/* Indexes of shards: "one" and "two" lie beside the index, with the tensors a, c and b. */
#include "fuzz/checkpoint/open_bytes.h"

#include <stdio.h>

#include "base/file.h"

static char folder[] = "/tmp/cclip-fuzz-XXXXXX";

static void in_folder(char *path, size_t size, const char *name)
{
    snprintf(path, size, "%s/%s", folder, name);
}

static void remove_folder(void)
{
    static const char *const names[] = { "one", "two", "index.json" };
    char path[64];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        in_folder(path, sizeof path, names[i]);
        remove(path);
    }
    remove(folder);
}

static void write_bytes(const char *name, const void *data, size_t size)
{
    char path[64];
    in_folder(path, sizeof path, name);
    FILE *file = fopen(path, "wb");
    if (!file || (size && fwrite(data, 1, size, file) != size) || fclose(file))
        abort();
}

static void write_shard(const char *name, const char *header, size_t count)
{
    unsigned char shard[512] = { 0 };
    const size_t length = strlen(header);
    shard[0] = (unsigned char)length;
    memcpy(shard + 8, header, length);
    write_bytes(name, shard, 8 + length + count);
}

static void set_up(void)
{
    if (!mkdtemp(folder))
        abort();
    atexit(remove_folder);
    write_shard("one",
                "{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
                "\"c\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[2,3]}}",
                3);
    write_shard("two", "{\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]}}", 4);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int ready;
    char path[64];
    struct cclip_checkpoint *c;
    if (!ready)
        set_up();
    ready = 1;
    write_bytes("index.json", data, size);
    in_folder(path, sizeof path, "index.json");
    if (cclip_checkpoint_open_sharded(&c, path)) {
        if (c)
            abort();
        check_message();
        return 0;
    }
    if (cclip_checkpoint_count(c) > 3)
        abort(); /* nothing but those three can come in */
    read_tensors(c);
    cclip_checkpoint_close(&c);
    return 0;
}
