/* Corpora of pairs made for a test, in tar shards: sample i is a picture of one colour, known by its number, and
 * the caption "dog <number>"; some are broken. Include after support/unit.h; needs small_tokenizer.h's words. */
#ifndef CCLIP_TESTS_MADE_PAIRS_H
#define CCLIP_TESTS_MADE_PAIRS_H

#include "data/pair_batches.h"
#include "support/made_files.h"
#include "support/tar_writer.h"
#include "unit/text/small_tokenizer.h"

enum broken { WHOLE, NO_PICTURE, CUT_PICTURE, NO_CAPTION, EMPTY_CAPTION, BLANK_CAPTION, KINDS_OF_BROKEN };

/* A PPM of 3 x 2 pixels. Numbers below 2^16 can be told apart by it. */
static inline size_t made_picture(char out[64], size_t number)
{
    const int header = snprintf(out, 64, "P6 3 2 255\n");
    for (int i = 0; i < 6; i++) {
        out[header + 3 * i] = (char)(number & 255);
        out[header + 3 * i + 1] = (char)(number >> 8 & 255);
        out[header + 3 * i + 2] = (char)(40 * i);
    }
    return (size_t)header + 18;
}

static inline void made_sample(struct tar_writer *tar, size_t number, enum broken broken)
{
    char name[64], picture[64], caption[64];
    const size_t size = made_picture(picture, number);
    snprintf(name, sizeof name, "%05zu.ppm", number);
    if (broken != NO_PICTURE)
        tar_member(tar, '0', name, picture, broken == CUT_PICTURE ? size - 5 : size);
    snprintf(name, sizeof name, "%05zu.txt", number);
    snprintf(caption, sizeof caption, "dog %zu", number);
    const char *text = broken == EMPTY_CAPTION ? "" : broken == BLANK_CAPTION ? " \n\t" : caption;
    if (broken != NO_CAPTION)
        tar_file(tar, name, text);
}

/* What is wrong with sample `number` of a corpus. */
typedef enum broken broken_function(size_t number);

/* "<folder>/<prefix>-{000..nnn}.tar" with `each` samples a shard; the result is valid until the next call. */
static inline const char *made_shards(const char *prefix, size_t shards, size_t each,
                                      broken_function *broken)
{
    static char pattern[256];
    for (size_t s = 0; s < shards; s++) {
        struct tar_writer tar = { 0 };
        char name[64];
        for (size_t i = s * each; i < (s + 1) * each; i++)
            made_sample(&tar, i, broken ? broken(i) : WHOLE);
        tar_end(&tar);
        snprintf(name, sizeof name, "%s-%03zu.tar", prefix, s);
        made_file(name, tar.data, tar.size);
        tar_free(&tar);
    }
    snprintf(pattern, sizeof pattern, "%s/%s-{000..%03zu}.tar", made_folder, prefix, shards - 1);
    return pattern;
}

/* A request for one source. The preprocessing keeps a picture's two numbers: see made_number_of. */
static inline struct cclip_pair_request made_request(const struct cclip_pair_source *source, size_t batch,
                                                     const struct cclip_tokenizer *tokenizer)
{
    static cclip_preprocessing preprocessing = CCLIP_PREPROCESSING_INIT;
    preprocessing.height = preprocessing.width = 2;
    for (int c = 0; c < 3; c++) {
        preprocessing.mean[c] = 0;
        preprocessing.std[c] = 1.0f / 255;
    }
    return (struct cclip_pair_request){ .sources = source, .source_count = 1, .batch = batch, .seed = 5,
                                        .preprocessing = &preprocessing, .tokenizer = tokenizer,
                                        .context = 12 };
}

/* Which sample a picture of a batch shows. */
static inline size_t made_number_of(const struct cclip_pair_batch *batch, size_t index)
{
    const float *row = batch->pixels + index * 12;
    return (size_t)(row[0] + 0.5f) + 256 * (size_t)(row[4] + 0.5f);
}

#endif
