/* Pairs a second out of tar shards: read, decoded, augmented, normalised, tokenized, packed.
 *
 *   bench_pairs SHARDS VOCABULARY SIZE SECONDS WORKERS [strong]
 *
 * SHARDS is a path or a brace pattern, VOCABULARY what cclip_text_tokenizer_open takes, SIZE the side of the
 * model's input. WORKERS 0: all on the calling thread. strong: mirror, affine, colour jitter and grey too, always.
 * Prints the best and the mean over batches of 64, and how long the look through the shards took. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "data/pair_batches.h"

enum { BATCH = 64 };

static cclip_status measure(struct cclip_pair_batches *batches, double seconds)
{
    struct cclip_pair_batch batch;
    double best = 1e30, last = 0;
    size_t count = 0;
    cclip_status status = cclip_pair_batches_next(batches, &batch); /* not counted: memory is new */
    const double begin = cclip_clock_seconds();
    for (last = begin; !status && last - begin < seconds; count++) {
        status = cclip_pair_batches_next(batches, &batch);
        const double now = cclip_clock_seconds();
        best = now - last < best ? now - last : best;
        last = now;
    }
    if (!status)
        printf("%.1f pairs/s, best batch %.1f pairs/s\n", (double)(count * BATCH) / (last - begin),
               BATCH / best);
    return status;
}

int main(int argc, char **argv)
{
    if (argc < 6) {
        fprintf(stderr, "bench_pairs SHARDS VOCABULARY SIZE SECONDS WORKERS [strong]\n");
        return 2;
    }
    cclip_preprocessing preprocessing = CCLIP_PREPROCESSING_INIT;
    preprocessing.width = preprocessing.height = strtoul(argv[3], NULL, 10);
    struct cclip_augmentation augmentation;
    cclip_augmentation_init(&augmentation);
    if (argc > 6) {
        augmentation.flip = augmentation.affine = augmentation.jitter = augmentation.grey = 1;
        augmentation.degrees = 10;
        augmentation.shift = 0.1;
        augmentation.brightness = augmentation.contrast = augmentation.saturation = 0.4;
        augmentation.hue = 0.1;
    }
    const struct cclip_pair_source source = { .path = argv[1], .layout = CCLIP_PAIRS_SHARDS };
    struct cclip_pair_request request = { .sources = &source, .source_count = 1, .batch = BATCH,
                                          .preprocessing = &preprocessing, .augmentation = &augmentation,
                                          .context = 77, .workers = (int)strtol(argv[5], NULL, 10) };
    struct cclip_tokenizer *tokenizer = NULL;
    struct cclip_pair_batches *batches = NULL;
    cclip_status status = cclip_text_tokenizer_open(&tokenizer, argv[2], NULL);
    request.tokenizer = tokenizer;
    const double begin = cclip_clock_seconds();
    if (!status)
        status = cclip_pair_batches_open(&batches, &request);
    if (!status) {
        const struct cclip_pair_counts *counts = cclip_pair_batches_counts(batches);
        printf("%zu pairs in %zu shards found in %.3f s\n", counts->pairs, counts->shards,
               cclip_clock_seconds() - begin);
        status = measure(batches, strtod(argv[4], NULL));
    }
    cclip_pair_batches_close(&batches);
    cclip_text_tokenizer_close(&tokenizer);
    if (status)
        fprintf(stderr, "%s\n", cclip_error_message());
    return status != CCLIP_OK;
}
