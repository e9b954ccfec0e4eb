/* One step of training, forward, loss, backward and AdamW, on made inputs of full context.
 *
 *   bench_train_step tiny|resnet|b32 BATCH [THREADS [SECONDS [f32|bf16]]]    2 threads, 5 seconds, f32 unless given
 *
 * Prints one line of JSON: samples a second of the best and of the middle step, the same for a second of
 * processor time (other programs disturb that less), GFLOP/s with a backward pass counted as two
 * forward ones, the share of the machine's limit, and the peak memory of the process. compare.py calls it
 * in turns with PyTorch. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/clock.h"
#include "base/cpu_features.h"
#include "base/memory.h"
#include "base/random.h"
#include "cpu/cpu_device.h"
#include "cpu/peak.h"
#include "models/operations.h"
#include "train/step.h"
#include "train_step/made_model.h"

enum { MOST_STEPS = 10000, WARM_STEPS = 2, LEAST_STEPS = 3 };

struct problem {
    struct cclip_thread_pool *pool;
    struct cclip_device device;
    struct cclip_model model;
    struct cclip_learner *learner;
    struct cclip_adamw adamw;
    struct cclip_arena arena;
    float *pixels;
    int32_t *ids;
    size_t *offsets;
    struct cclip_train_batch batch;
    struct cclip_train_figures figures;
};

/* Pictures of noise, texts of noise whose last token has the highest id: the end token. */
static cclip_status make_batch(struct problem *p, size_t count)
{
    const struct cclip_config *config = &p->model.config;
    const size_t context = config->text.context_length, vocabulary = config->text.vocabulary_size;
    const size_t floats = 3 * config->vision.image_height * config->vision.image_width * count;
    struct cclip_random random;
    cclip_random_seed(&random, 1, 0);
    p->pixels = cclip_allocate_aligned(floats * sizeof *p->pixels);
    p->ids = cclip_allocate(count * context, sizeof *p->ids);
    p->offsets = cclip_allocate(count + 1, sizeof *p->offsets);
    if (!p->pixels || !p->ids || !p->offsets)
        return CCLIP_ERROR_MEMORY;
    for (size_t i = 0; i < floats; i++)
        p->pixels[i] = (float)(2 * cclip_random_uniform(&random) - 1);
    for (size_t i = 0; i < count * context; i++)
        p->ids[i] = (int32_t)((i + 1) % context ? cclip_random_below(&random, vocabulary - 2)
                                                : vocabulary - 1);
    for (size_t i = 0; i <= count; i++)
        p->offsets[i] = i * context;
    p->batch = (struct cclip_train_batch){ .pixels = p->pixels, .ids = p->ids, .offsets = p->offsets,
                                           .count = count };
    return CCLIP_OK;
}

static cclip_status problem_open(struct problem *p, const char *name, size_t batch, int threads)
{
    cclip_status status = cclip_made_model(&p->model, name);
    if (!status)
        status = cclip_thread_pool_open(&p->pool, threads);
    if (!status)
        status = cclip_cpu_device_open(&p->device, p->pool, cclip_cpu_features());
    if (!status)
        status = cclip_learner_open(&p->learner, &p->model, &p->device);
    if (!status)
        status = cclip_adamw_open(&p->adamw, &p->learner->parameters);
    if (status)
        return status;
    cclip_decay_rule_apply(&p->learner->parameters, CCLIP_DECAY_OPEN_CLIP);
    p->adamw.beta1 = 0.9;
    p->adamw.beta2 = 0.98;
    p->adamw.epsilon = 1e-6;
    p->adamw.weight_decay = 0.1;
    return make_batch(p, batch);
}

static void problem_close(struct problem *p)
{
    cclip_adamw_close(&p->adamw);
    cclip_learner_close(&p->learner);
    cclip_arena_close(&p->arena);
    cclip_cpu_device_close(&p->device);
    cclip_thread_pool_close(&p->pool);
    cclip_release_aligned(p->pixels);
    cclip_release(p->ids);
    cclip_release(p->offsets);
}

static double processor_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static cclip_status measure(struct problem *p, double *wall, double *processor, size_t *steps,
                            double seconds)
{
    const double begin = cclip_clock_seconds();
    cclip_status status = CCLIP_OK;
    size_t n = 0;
    for (; n < MOST_STEPS && !status; n++) {
        const double start = cclip_clock_seconds(), used = processor_seconds();
        if (n >= WARM_STEPS + LEAST_STEPS && start - begin >= seconds)
            break;
        status = cclip_train_step(p->learner, cclip_contrastive_loss, &p->adamw, &p->batch, &p->arena,
                                  1e-5, &p->figures);
        wall[n] = cclip_clock_seconds() - start;
        processor[n] = processor_seconds() - used;
    }
    *steps = n - WARM_STEPS;
    qsort(wall + WARM_STEPS, *steps, sizeof *wall, ascending);
    qsort(processor + WARM_STEPS, *steps, sizeof *processor, ascending);
    return status;
}

static void print(const struct problem *p, const double *wall, const double *processor, size_t steps)
{
    const struct cclip_config *config = &p->model.config;
    const double batch = (double)p->batch.count;
    const double operations =
        3 * (cclip_image_operations(config) + cclip_text_operations(config, config->text.context_length));
    const double gflops = operations * batch / wall[0] * 1e-9, peak = cclip_cpu_peak_gflops(p->pool);
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("{\"samples_per_second\": %.3f, \"median\": %.3f, \"per_processor_second\": %.3f, \"gflops\": %.1f, "
           "\"peak_gflops\": %.1f, \"percent_of_peak\": %.1f, \"memory\": %.1f, \"steps\": %zu, "
           "\"parameters\": %zu, \"loss\": %.9g}\n",
           batch / wall[0], batch / wall[steps / 2], batch / processor[0], gflops, peak,
           100 * gflops / peak, (double)usage.ru_maxrss / 1024, steps,
           p->learner->parameters.elements, p->figures.loss);
}

int main(int argc, char **argv)
{
    static double wall[MOST_STEPS], processor[MOST_STEPS];
    static struct problem p;
    size_t steps = 0;
    if (argc < 3) {
        fprintf(stderr, "use: bench_train_step tiny|resnet|b32 BATCH [THREADS [SECONDS [f32|bf16]]]\n");
        return 2;
    }
    const size_t batch = strtoul(argv[2], NULL, 10);
    cclip_status status = problem_open(&p, argv[1], batch, argc > 3 ? (int)strtol(argv[3], NULL, 10) : 2);
    if (!status && argc > 5 && !strcmp(argv[5], "bf16"))
        p.learner->compute = CCLIP_BF16;
    if (!status)
        status = measure(&p, wall, processor, &steps, argc > 4 ? strtod(argv[4], NULL) : 5);
    if (status)
        fprintf(stderr, "%s\n", cclip_error_message());
    else
        print(&p, wall + WARM_STEPS, processor + WARM_STEPS, steps);
    problem_close(&p);
    return status != CCLIP_OK;
}
