/* Vocabulary files from fuzzed bytes: written to a folder of this process, opened, used, closed. */
#ifndef CCLIP_TESTS_FUZZ_FILES_H
#define CCLIP_TESTS_FUZZ_FILES_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "text/tokenizer.h"

static char fuzz_path[64];

static inline void fuzz_leave(void)
{
    rmdir(fuzz_path);
}

/* A folder in memory where there is one; removed when the process ends. */
static inline const char *fuzz_folder(void)
{
    char *folder = fuzz_path;
    if (!folder[0]) {
        snprintf(folder, sizeof fuzz_path, "%s/cclip-fuzz-XXXXXX", access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
        if (!mkdtemp(folder) || atexit(fuzz_leave))
            abort();
    }
    return folder;
}

static inline void fuzz_put(const char *name, const void *data, size_t size)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", fuzz_folder(), name);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(data, 1, size, file) != size || fclose(file))
        abort();
}

static inline void fuzz_remove(const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", fuzz_folder(), name);
    remove(path);
}

/* Opens `name` in the folder (NULL: the folder) and encodes a few texts. */
static inline void fuzz_open(const char *name)
{
    static const char *const texts[] = { "a photo of a cat's 12 caf\xc3\xa9 <|endoftext|>!!!", "ab ba aabb abab b" };
    char path[128];
    struct cclip_tokenizer *tokenizer;
    struct cclip_text_encoder *encoder;
    snprintf(path, sizeof path, "%s%s%s", fuzz_folder(), name ? "/" : "", name ? name : "");
    if (cclip_text_tokenizer_open(&tokenizer, path, NULL))
        return;
    if (!cclip_text_encoder_open(&encoder, tokenizer)) {
        struct cclip_buffer out;
        cclip_buffer_open(&out, 1 << 24);
        for (size_t i = 0; i < 2; i++) {
            const int32_t *ids;
            size_t count;
            if (!cclip_text_tokenize(encoder, &ids, &count, texts[i], strlen(texts[i]), 16, 1))
                for (size_t k = 0; k < count; k++)
                    if (ids[k] < 0 || (size_t)ids[k] >= cclip_text_vocabulary_size(tokenizer) ||
                        cclip_text_decode(tokenizer, &out, ids + k, 1))
                        abort();
        }
        cclip_buffer_close(&out);
        cclip_text_encoder_close(&encoder);
    }
    cclip_text_tokenizer_close(&tokenizer);
}

#endif
