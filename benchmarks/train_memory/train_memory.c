/* Memory and time of a gradient.
 *
 *   bench_train_memory MODEL BATCH [micro=N] [recompute=1] [dropout=RATE] [threads=N] [tokens=N]
 *
 * One gradient of made-up pairs to come into a steady state, then one that is timed. Prints the most memory the
 * process held, what of it is parameters and gradients, what the forward pass keeps and the backward pass
 * uses, and seconds. Weights, pictures and texts do not matter for either figure; texts have `tokens` tokens. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/cpu_features.h"
#include "base/random.h"
#include "base/thread_pool.h"
#include "cpu/cpu_device.h"
#include "train/accumulate.h"

struct options {
    size_t count, micro, tokens;
    int recompute, threads;
    double dropout;
};

static double value_of(int argc, char **argv, const char *key, double fallback)
{
    const size_t length = strlen(key);
    for (int i = 3; i < argc; i++)
        if (!strncmp(argv[i], key, length) && argv[i][length] == '=')
            return strtod(argv[i] + length + 1, NULL);
    return fallback;
}

static double mebibytes(size_t bytes)
{
    return (double)bytes / (1 << 20);
}

static double most_memory(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_maxrss / 1024; /* KiB on Linux */
}

static void fill(float *pixels, size_t count)
{
    struct cclip_random random;
    cclip_random_seed(&random, 1, 0);
    for (size_t i = 0; i < count; i++)
        pixels[i] = (float)cclip_random_uniform(&random) * 4 - 2;
}

static cclip_status measure(struct cclip_learner *learner, const struct options *o)
{
    const struct cclip_vision_config *vision = &learner->config.vision;
    const size_t picture = 3 * vision->image_height * vision->image_width;
    const size_t vocabulary = learner->config.text.vocabulary_size;
    float *pixels = malloc(o->count * picture * sizeof *pixels);
    int32_t *ids = malloc(o->count * o->tokens * sizeof *ids);
    size_t *offsets = malloc((o->count + 1) * sizeof *offsets);
    struct cclip_arena arena = { 0 };
    cclip_status status = pixels && ids && offsets ? CCLIP_OK : CCLIP_ERROR_MEMORY;
    double loss = 0, seconds = 0;
    if (!status) {
        fill(pixels, o->count * picture);
        for (size_t i = 0; i < o->count * o->tokens; i++) /* the last has the highest id: it is pooled */
            ids[i] = (int32_t)((i + 1) % o->tokens ? i * 37 % (vocabulary - 1) : vocabulary - 1);
        for (size_t i = 0; i <= o->count; i++)
            offsets[i] = i * o->tokens;
    }
    const struct cclip_train_batch batch = { .pixels = pixels, .ids = ids, .offsets = offsets,
                                             .count = o->count };
    for (int turn = 0; turn < 2 && !status; turn++) {
        const double start = cclip_clock_seconds();
        status = cclip_train_accumulate(learner, cclip_contrastive_loss, &batch, o->micro, &arena, 1,
                                        &loss);
        seconds = cclip_clock_seconds() - start;
    }
    if (!status)
        printf("most %.0f MiB; parameters and gradients %.0f, kept %.0f, scratch %.0f; %.2f s\n",
               most_memory(), mebibytes(learner->parameters.elements * 2 * sizeof(float)),
               mebibytes(learner->kept.total), mebibytes(learner->scratch.total), seconds);
    cclip_arena_close(&arena);
    free(pixels), free(ids), free(offsets);
    return status;
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return fprintf(stderr, "usage: %s MODEL BATCH [micro=N] [recompute=1] [dropout=RATE] "
                               "[threads=N] [tokens=N]\n", argv[0]), 2;
    const struct options o = { .count = strtoul(argv[2], NULL, 10),
                               .micro = (size_t)value_of(argc, argv, "micro", 0),
                               .tokens = (size_t)value_of(argc, argv, "tokens", 77),
                               .recompute = (int)value_of(argc, argv, "recompute", 0),
                               .threads = (int)value_of(argc, argv, "threads", 2),
                               .dropout = value_of(argc, argv, "dropout", 0) };
    struct cclip_thread_pool *pool = NULL;
    struct cclip_device device = { 0 };
    struct cclip_model *model = NULL;
    struct cclip_learner *learner = NULL;
    const struct cclip_model_request request = { .path = argv[1] };
    cclip_status status = cclip_thread_pool_open(&pool, o.threads);
    if (!status)
        status = cclip_cpu_device_open(&device, pool, cclip_cpu_features());
    if (!status)
        status = cclip_models_open(&model, &request);
    if (!status)
        status = cclip_learner_open(&learner, model, &device);
    cclip_models_close(&model);
    if (!status) {
        learner->recompute = o.recompute;
        learner->patch_dropout.rate = o.dropout;
        status = measure(learner, &o);
    }
    if (status)
        fprintf(stderr, "%s\n", cclip_error_message());
    cclip_learner_close(&learner);
    cclip_cpu_device_close(&device);
    cclip_thread_pool_close(&pool);
    return status ? 1 : 0;
}
