#include <cclip/bench.h>
#include <math.h>
#include <string.h>

#include "api/session.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/random.h"
#include "cpu/peak.h"
#include "models/operations.h"

/* One pass over the whole batch. */
struct bench_run {
    struct cclip_session *session;
    cclip_bench_kind kind;
    size_t batch, tokens;
    float *out, *pixels;
    int32_t *ids;
};

static cclip_status run_once(const struct bench_run *run)
{
    return run->kind == CCLIP_BENCH_IMAGES
               ? cclip_embed_pixels(run->session, run->out, run->pixels, run->batch, 1)
               : cclip_embed_tokens(run->session, run->out, run->ids, run->batch, run->tokens, 1);
}

/* Random pictures, and texts whose last token is the end token: speed does not depend on content. */
static cclip_status make_inputs(struct bench_run *run)
{
    const struct cclip_config *config = &run->session->model->config;
    struct cclip_random random;
    cclip_random_seed(&random, 1, 0);
    run->out = cclip_allocate(run->batch * config->embedding_dim, sizeof *run->out);
    if (!run->out)
        return CCLIP_ERROR_MEMORY;
    if (run->kind == CCLIP_BENCH_IMAGES) {
        const size_t size = 3 * config->vision.image_height * config->vision.image_width;
        run->pixels = cclip_allocate(run->batch * size, sizeof *run->pixels);
        for (size_t i = 0; run->pixels && i < run->batch * size; i++)
            run->pixels[i] = (float)(2.0 * cclip_random_uniform(&random) - 1.0);
        return run->pixels ? CCLIP_OK : CCLIP_ERROR_MEMORY;
    }
    const struct cclip_text_config *text = &config->text;
    const size_t highest = text->vocabulary_size - 1;
    run->ids = cclip_allocate(run->batch * run->tokens, sizeof *run->ids);
    for (size_t i = 0; run->ids && i < run->batch * run->tokens; i++) {
        const int32_t end = text->pool == CCLIP_POOL_END_TOKEN ? text->end_id : (int32_t)highest;
        const int32_t any = (int32_t)cclip_random_below(&random, highest > 1 ? highest - 1 : 1);
        run->ids[i] = (i + 1) % run->tokens == 0 ? end : any;
    }
    return run->ids ? CCLIP_OK : CCLIP_ERROR_MEMORY;
}

cclip_status cclip_bench(cclip_bench_result *out, cclip_session *session, cclip_bench_kind kind,
                         size_t batch, size_t tokens, double seconds)
{
    const size_t context = session->model->config.text.context_length;
    struct bench_run run = { .session = session, .kind = kind, .batch = batch, .tokens = tokens };
    if (out->version != CCLIP_BENCH_RESULT_VERSION)
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "bench result: version %u is not known",
                          (unsigned)out->version);
    if (kind != CCLIP_BENCH_IMAGES && kind != CCLIP_BENCH_TEXTS)
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "bench: kind %d is not known", (int)kind);
    if (!batch || batch > 65536)
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "bench: batch %zu is not between 1 and 65536", batch);
    if (kind == CCLIP_BENCH_TEXTS && (tokens < 2 || tokens > context))
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "bench: %zu tokens are not between 2 and %zu", tokens,
                          context);
    cclip_status status = make_inputs(&run);
    if (!status)
        status = run_once(&run); /* packs the weights, warms the caches */
    double best = INFINITY;
    const double start = cclip_clock_seconds();
    for (double now = start; !status && (isinf(best) || now - start < seconds);) {
        const double begin = now;
        status = run_once(&run);
        now = cclip_clock_seconds();
        best = fmin(best, now - begin);
    }
    if (!status) {
        const double operations = kind == CCLIP_BENCH_IMAGES
                                      ? cclip_image_operations(&session->model->config)
                                      : cclip_text_operations(&session->model->config, tokens);
        out->per_second = (double)batch / best;
        out->gflops = operations * (double)batch / best * 1e-9;
        out->peak_gflops = cclip_cpu_peak_gflops(session->pool);
        out->percent_of_peak = out->peak_gflops > 0 ? 100 * out->gflops / out->peak_gflops : 0;
    }
    cclip_release(run.ids);
    cclip_release(run.pixels);
    cclip_release(run.out);
    return status;
}
