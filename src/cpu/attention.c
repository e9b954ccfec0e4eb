#include "cpu/attention.h"

#include <math.h>
#include <string.h>

#include "base/cpu_features.h"
#include "cpu/device_state.h"

static float softmax_c(float *s, const float *mask, size_t count, float scale)
{
    enum { PARTS = 16 };
    float largest = -INFINITY, parts[PARTS] = { 0 };
    for (size_t j = 0; j < count; j++) {
        s[j] = s[j] * scale + (mask ? mask[j] : 0.0f);
        largest = s[j] > largest ? s[j] : largest;
    }
    if (largest == -INFINITY) {
        memset(s, 0, count * sizeof *s);
        return 0.0f;
    }
    for (size_t j = 0; j < count; j++) {
        s[j] = expf(s[j] - largest);
        parts[j % PARTS] += s[j];
    }
    for (int width = PARTS / 2; width; width /= 2)
        for (int j = 0; j < width; j++)
            parts[j] += parts[j + width];
    return parts[0];
}

void cclip_attention_kernels_init(struct cclip_attention_kernels *kernels, unsigned cpu_features)
{
    *kernels = (struct cclip_attention_kernels){ "c", softmax_c };
    (void)cpu_features;
#if defined(__x86_64__)
    if (!(cpu_features & CCLIP_CPU_AVX2))
        return;
    *kernels = (struct cclip_attention_kernels){ "avx2", cclip_softmax_avx2 };
    if (!(cpu_features & CCLIP_CPU_AVX512))
        return;
    *kernels = (struct cclip_attention_kernels){ "avx512", cclip_softmax_avx512 };
#endif
}

struct attention_job {
    const struct cclip_attention *at;
    const struct cclip_product_kernels *product;
    cclip_softmax_fn *softmax;
    struct cclip_cpu_scratch *scratch;
    size_t longest;      /* keys of a sequence */
    size_t key_stride;   /* that, rounded up to whole panels; not a multiple of the alias */
    size_t value_stride; /* head width, likewise */
    size_t query_rows;   /* in a block: one tile */
};

/* A worker's scratch, in floats: keys and values packed as weights of a product, a block of scores,
 * the weighted sums, and one row panel as the product kernel wants it. */
struct attention_scratch {
    float *keys, *values, *scores, *sums, *a;
};

static size_t round_up(size_t n, size_t unit)
{
    return (n + unit - 1) / unit * unit;
}

static size_t layout_scratch(const struct attention_job *job, float *memory,
                             struct attention_scratch *out)
{
    const size_t keys = job->key_stride * job->at->head_width;
    const size_t values = job->longest * job->value_stride;
    const size_t scores = job->query_rows * job->key_stride;
    const size_t sums = job->query_rows * job->value_stride;
    const size_t a = job->product->tile_rows * CCLIP_PRODUCT_STRIDE;
    size_t at = 0;
    float **const parts[] = { &out->keys, &out->values, &out->scores, &out->sums, &out->a };
    const size_t sizes[] = { keys, values, scores, sums, a };
    for (int i = 0; i < 5; i++) {
        *parts[i] = memory ? memory + at : NULL;
        at += round_up(sizes[i], 16);
    }
    return at;
}

/* c[rows, columns up to whole panels] = a[rows, depth] * packed; rows fit one tile. */
static void multiply(const struct attention_job *job, float *scratch, float *c, size_t c_stride,
                     const float *a, size_t a_stride, size_t rows, const float *packed,
                     size_t columns, size_t depth, size_t used_depth)
{
    const size_t width = job->product->tile_columns;
    const int copied = a_stride % CCLIP_PRODUCT_ALIAS == 0;
    for (size_t k = 0, n; k < used_depth; k += n) {
        n = used_depth - k < CCLIP_PRODUCT_DEPTH ? used_depth - k : CCLIP_PRODUCT_DEPTH;
        for (size_t r = 0; copied && r < rows; r++)
            memcpy(scratch + r * CCLIP_PRODUCT_STRIDE, a + r * a_stride + k, n * sizeof *a);
        const float *in = copied ? scratch : a + k;
        const size_t in_stride = copied ? CCLIP_PRODUCT_STRIDE : a_stride;
        for (size_t first = 0; first < columns; first += width)
            job->product->tile(c + first, c_stride, in, in_stride,
                               packed + first * depth + k * width, n, rows, k != 0);
    }
}

/* Rows [row, row + rows) of a sequence's queries, at most one tile; `keys` of them visible to the
 * last row. */
static void attend_rows(const struct attention_job *job, const struct attention_scratch *s,
                        size_t sequence, size_t head, size_t row, size_t rows)
{
    const struct cclip_attention *at = job->at;
    const size_t q0 = at->q_offsets[sequence] + row, d = at->head_width;
    const size_t all = at->k_offsets[sequence + 1] - at->k_offsets[sequence];
    const size_t keys = at->causal && row + rows < all ? row + rows : all;
    const float scale = at->head_scale ? at->scale * at->head_scale[head] : at->scale;
    multiply(job, s->a, s->scores, job->key_stride, at->q + q0 * at->q_stride + head * d,
             at->q_stride, rows, s->keys, keys, d, d);
    float sums[64];
    for (size_t r = 0; r < rows; r++) {
        float *scores = s->scores + r * job->key_stride;
        const size_t visible = at->causal && row + r + 1 < keys ? row + r + 1 : keys;
        sums[r] = job->softmax(scores, at->mask ? at->mask + (q0 + r) * at->mask_stride : NULL,
                               visible, scale);
        memset(scores + visible, 0, (keys - visible) * sizeof *scores);
    }
    multiply(job, s->a, s->sums, job->value_stride, s->scores, job->key_stride, rows, s->values, d,
             all, keys);
    for (size_t r = 0; r < rows; r++) {
        float *out = at->out + (q0 + r) * at->out_stride + head * d;
        const float *sum = s->sums + r * job->value_stride;
        for (size_t c = 0; c < d; c++)
            out[c] = sums[r] > 0 || sums[r] != sums[r] ? sum[c] / sums[r] : 0.0f;
    }
}

static cclip_status attention_body(void *context, size_t begin, size_t end, int worker)
{
    const struct attention_job *job = context;
    const struct cclip_attention *at = job->at;
    struct attention_scratch s;
    layout_scratch(job, job->scratch[worker].memory, &s);
    for (size_t i = begin; i < end; i++) {
        const size_t sequence = i / at->heads, head = i % at->heads, d = at->head_width;
        const size_t k0 = at->k_offsets[sequence];
        const size_t keys = at->k_offsets[sequence + 1] - k0;
        const size_t queries = at->q_offsets[sequence + 1] - at->q_offsets[sequence];
        if (!queries || !keys)
            continue;
        job->product->pack(s.keys, at->k + k0 * at->k_stride + head * d, keys, d, at->k_stride, 1);
        job->product->pack(s.values, at->v + k0 * at->v_stride + head * d, d, keys, 1,
                           at->v_stride);
        for (size_t row = 0; row < queries; row += job->query_rows)
            attend_rows(job, &s, sequence, head, row,
                        queries - row < job->query_rows ? queries - row : job->query_rows);
    }
    return CCLIP_OK;
}

void cclip_cpu_attention(struct cclip_device *device, const struct cclip_attention *attention)
{
    struct cclip_cpu_state *state = cclip_cpu_state(device);
    struct attention_job job = { .at = attention, .product = &state->kernels.product,
                                 .softmax = state->kernels.attention.softmax,
                                 .scratch = state->scratch };
    for (size_t s = 0; s < attention->sequences; s++) {
        const size_t keys = attention->k_offsets[s + 1] - attention->k_offsets[s];
        job.longest = keys > job.longest ? keys : job.longest;
    }
    job.key_stride = round_up(job.longest, job.product->tile_columns);
    if (job.key_stride % CCLIP_PRODUCT_ALIAS == 0)
        job.key_stride += job.product->tile_columns;
    job.value_stride = round_up(attention->head_width, job.product->tile_columns);
    job.query_rows = job.product->tile_rows;
    struct attention_scratch unused;
    if (cclip_cpu_reserve(device, layout_scratch(&job, NULL, &unused)))
        return;
    const size_t jobs = attention->sequences * attention->heads;
    cclip_cpu_parallel(device, jobs, 1, attention_body, &job);
}
