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

static void softmax_backward_c(float *d, const float *p, size_t count, float scale)
{
    enum { PARTS = 16 };
    float parts[PARTS] = { 0 };
    for (size_t j = 0; j < count; j++)
        parts[j % PARTS] += p[j] * d[j];
    for (int width = PARTS / 2; width; width /= 2)
        for (int j = 0; j < width; j++)
            parts[j] += parts[j + width];
    for (size_t j = 0; j < count; j++)
        d[j] = p[j] * (d[j] - parts[0]) * scale;
}

void cclip_attention_kernels_init(struct cclip_attention_kernels *kernels, unsigned cpu_features)
{
    *kernels = (struct cclip_attention_kernels){ "c", softmax_c, softmax_backward_c };
    (void)cpu_features;
#if defined(__x86_64__)
    if (!(cpu_features & CCLIP_CPU_AVX2))
        return;
    *kernels = (struct cclip_attention_kernels){ "avx2", cclip_softmax_avx2,
                                                    cclip_softmax_backward_avx2 };
    if (!(cpu_features & CCLIP_CPU_AVX512))
        return;
    *kernels = (struct cclip_attention_kernels){ "avx512", cclip_softmax_avx512,
                                                    cclip_softmax_backward_avx512 };
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

static size_t sequence_length(const size_t *offsets, size_t sequence)
{
    return offsets[sequence + 1] - offsets[sequence];
}

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
                               packed + first * depth + k * width, n, rows, k != 0, NULL);
    }
}

/* Rows [row, row + rows) of a sequence's queries, at most one tile; `keys` of them visible to the
 * last row. */
static void attend_rows(const struct attention_job *job, const struct attention_scratch *s,
                        size_t sequence, size_t head, size_t row, size_t rows)
{
    const struct cclip_attention *at = job->at;
    const size_t q0 = at->q_offsets[sequence] + row, d = at->head_width;
    const size_t all = sequence_length(at->k_offsets, sequence);
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
        const size_t keys = sequence_length(at->k_offsets, sequence);
        const size_t queries = sequence_length(at->q_offsets, sequence);
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

static void set_strides(struct attention_job *job)
{
    for (size_t s = 0; s < job->at->sequences; s++) {
        const size_t keys = sequence_length(job->at->k_offsets, s);
        job->longest = keys > job->longest ? keys : job->longest;
    }
    job->key_stride = round_up(job->longest, job->product->tile_columns);
    if (job->key_stride % CCLIP_PRODUCT_ALIAS == 0)
        job->key_stride += job->product->tile_columns;
    job->value_stride = round_up(job->at->head_width, job->product->tile_columns);
    job->query_rows = job->product->tile_rows;
}

void cclip_cpu_attention(struct cclip_device *device, const struct cclip_attention *attention)
{
    struct cclip_cpu_state *state = cclip_cpu_state(device);
    struct attention_job job = { .at = attention, .product = &state->kernels.product,
                                 .softmax = state->kernels.attention.softmax,
                                 .scratch = state->scratch };
    set_strides(&job);
    struct attention_scratch unused;
    if (cclip_cpu_reserve(device, layout_scratch(&job, NULL, &unused)))
        return;
    const size_t jobs = attention->sequences * attention->heads;
    cclip_cpu_parallel(device, jobs, 1, attention_body, &job);
}

/* ---- gradient ------------------------------------------------------------------------------------ */

/* A worker's scratch for one sequence and head. With P the softmax and S what goes into it:
 *   dV = P^T dO,   dP = dO V^T,   dS = P (dP - sum of P dP) scale,   dQ = dS K,   dK = dS^T Q
 * P is computed anew. */
struct gradient_scratch {
    float *keys, *values;            /* packed, columns are keys: for P and dP */
    float *by_key;                   /* K packed, columns are channels: for dQ */
    float *q_by_query, *o_by_query;  /* Q and dO packed, columns are channels: for dK and dV */
    float *p, *ds;                   /* [queries, key_stride] */
    float *sums, *a;
};

struct gradient_job {
    struct attention_job base;
    const struct cclip_attention_gradient *gradient;
    cclip_softmax_backward_fn *softmax_backward;
    size_t most_queries; /* of a sequence */
};

static size_t layout_gradient(const struct gradient_job *job, float *memory,
                              struct gradient_scratch *out)
{
    const struct attention_job *base = &job->base;
    const size_t by_columns = base->key_stride * base->at->head_width;
    const size_t square = job->most_queries * base->key_stride;
    const size_t by_query = job->most_queries * base->value_stride;
    float **const parts[] = { &out->keys,       &out->values, &out->by_key, &out->q_by_query,
                              &out->o_by_query, &out->p,      &out->ds,     &out->sums,
                              &out->a };
    const size_t sizes[] = { by_columns, by_columns, base->longest * base->value_stride,
                             by_query,   by_query,   square,
                             square,     base->query_rows * base->value_stride,
                             base->product->tile_rows * CCLIP_PRODUCT_STRIDE };
    size_t at = 0;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        *parts[i] = memory ? memory + at : NULL;
        at += round_up(sizes[i], 16);
    }
    return at;
}

/* P and dS of some rows of queries, and from them dQ. */
static void gradient_of_queries(const struct gradient_job *job, const struct gradient_scratch *s,
                                size_t sequence, size_t head, size_t row, size_t rows)
{
    const struct attention_job *base = &job->base;
    const struct cclip_attention_gradient *g = job->gradient;
    const struct cclip_attention *at = base->at;
    const size_t q0 = at->q_offsets[sequence] + row, d = at->head_width;
    const size_t all = sequence_length(at->k_offsets, sequence), stride = base->key_stride;
    const size_t keys = at->causal && row + rows < all ? row + rows : all;
    const float scale = at->head_scale ? at->scale * at->head_scale[head] : at->scale;
    float *p = s->p + row * stride, *ds = s->ds + row * stride;
    multiply(base, s->a, p, stride, at->q + q0 * at->q_stride + head * d, at->q_stride, rows,
             s->keys, keys, d, d);
    multiply(base, s->a, ds, stride, g->d_out + q0 * g->d_out_stride + head * d, g->d_out_stride,
             rows, s->values, keys, d, d);
    for (size_t r = 0; r < rows; r++) {
        float *weights = p + r * stride, *slopes = ds + r * stride;
        const size_t visible = at->causal && row + r + 1 < keys ? row + r + 1 : keys;
        const float sum =
            base->softmax(weights, at->mask ? at->mask + (q0 + r) * at->mask_stride : NULL, visible,
                          scale);
        const float share = sum > 0 ? 1.0f / sum : sum;
        for (size_t j = 0; j < visible; j++)
            weights[j] *= share;
        memset(weights + visible, 0, (all - visible) * sizeof *weights);
        job->softmax_backward(slopes, weights, visible, scale);
        memset(slopes + visible, 0, (all - visible) * sizeof *slopes);
    }
    multiply(base, s->a, s->sums, base->value_stride, ds, stride, rows, s->by_key, d, all, keys);
    for (size_t r = 0; r < rows; r++)
        memcpy(g->d_q + (q0 + r) * g->d_q_stride + head * d, s->sums + r * base->value_stride,
               d * sizeof(float));
}

/* c[rows, d] = columns [column, column + rows) of `matrix`, transposed, times the packed [queries, d];
 * queries before `first` have zeros there. */
static void multiply_columns(const struct attention_job *base, const struct gradient_scratch *s,
                             const float *matrix, size_t column, size_t rows, const float *packed,
                             size_t first, size_t queries)
{
    const size_t width = base->product->tile_columns, stride = base->key_stride;
    for (size_t c = 0; c < base->at->head_width; c += width)
        base->product->tile_transposed(s->sums + c, base->value_stride, matrix + first * stride + column,
                                    stride, packed + c * queries + first * width, queries - first,
                                    rows, 0, NULL);
}

/* dK and dV of all keys, one row panel after the other. */
static void gradient_of_keys(const struct gradient_job *job, const struct gradient_scratch *s,
                             size_t sequence, size_t head, size_t queries, size_t keys)
{
    const struct attention_job *base = &job->base;
    const struct cclip_attention_gradient *g = job->gradient;
    const size_t d = base->at->head_width, k0 = base->at->k_offsets[sequence];
    for (size_t key = 0, rows; key < keys; key += rows) {
        rows = keys - key < base->query_rows ? keys - key : base->query_rows;
        const size_t first = base->at->causal && key < queries ? key : 0;
        multiply_columns(base, s, s->ds, key, rows, s->q_by_query, first, queries);
        for (size_t r = 0; r < rows; r++)
            memcpy(g->d_k + (k0 + key + r) * g->d_k_stride + head * d,
                   s->sums + r * base->value_stride, d * sizeof(float));
        multiply_columns(base, s, s->p, key, rows, s->o_by_query, first, queries);
        for (size_t r = 0; r < rows; r++)
            memcpy(g->d_v + (k0 + key + r) * g->d_v_stride + head * d,
                   s->sums + r * base->value_stride, d * sizeof(float));
    }
}

/* Keys that no query asks get zeros. */
static void no_gradient(const struct cclip_attention_gradient *g, size_t first, size_t keys,
                        size_t column, size_t d)
{
    for (size_t k = first; k < first + keys; k++) {
        memset(g->d_k + k * g->d_k_stride + column, 0, d * sizeof(float));
        memset(g->d_v + k * g->d_v_stride + column, 0, d * sizeof(float));
    }
}

static cclip_status gradient_body(void *context, size_t begin, size_t end, int worker)
{
    const struct gradient_job *job = context;
    const struct attention_job *base = &job->base;
    const struct cclip_attention_gradient *g = job->gradient;
    const struct cclip_attention *at = base->at;
    cclip_product_pack_fn *pack = base->product->pack;
    struct gradient_scratch s;
    layout_gradient(job, base->scratch[worker].memory, &s);
    for (size_t i = begin; i < end; i++) {
        const size_t sequence = i / at->heads, head = i % at->heads, d = at->head_width;
        const size_t q0 = at->q_offsets[sequence], k0 = at->k_offsets[sequence];
        const size_t queries = sequence_length(at->q_offsets, sequence);
        const size_t keys = sequence_length(at->k_offsets, sequence);
        if (!queries || !keys) {
            no_gradient(g, k0, keys, head * d, d);
            continue;
        }
        const float *k = at->k + k0 * at->k_stride + head * d;
        pack(s.keys, k, keys, d, at->k_stride, 1);
        pack(s.values, at->v + k0 * at->v_stride + head * d, keys, d, at->v_stride, 1);
        pack(s.by_key, k, d, keys, 1, at->k_stride);
        pack(s.q_by_query, at->q + q0 * at->q_stride + head * d, d, queries, 1, at->q_stride);
        pack(s.o_by_query, g->d_out + q0 * g->d_out_stride + head * d, d, queries, 1,
             g->d_out_stride);
        for (size_t row = 0; row < queries; row += base->query_rows)
            gradient_of_queries(job, &s, sequence, head, row,
                                queries - row < base->query_rows ? queries - row
                                                                 : base->query_rows);
        gradient_of_keys(job, &s, sequence, head, queries, keys);
    }
    return CCLIP_OK;
}

void cclip_cpu_attention_backward(struct cclip_device *device,
                                  const struct cclip_attention_gradient *gradient)
{
    struct cclip_cpu_state *state = cclip_cpu_state(device);
    const struct cclip_attention *at = gradient->forward;
    struct gradient_job job = {
        .base = { .at = at, .product = &state->kernels.product,
                  .softmax = state->kernels.attention.softmax, .scratch = state->scratch },
        .gradient = gradient,
        .softmax_backward = state->kernels.attention.softmax_backward,
    };
    for (size_t s = 0; s < at->sequences; s++) {
        const size_t queries = sequence_length(at->q_offsets, s);
        job.most_queries = queries > job.most_queries ? queries : job.most_queries;
    }
    set_strides(&job.base);
    struct gradient_scratch unused;
    if (cclip_cpu_reserve(device, layout_gradient(&job, NULL, &unused)))
        return;
    cclip_cpu_parallel(device, at->sequences * at->heads, 1, gradient_body, &job);
}
