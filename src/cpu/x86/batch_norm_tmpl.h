/* Batch norm, written once over the vectors of vector_avx2.h or vector_avx512.h, like kernels_tmpl.h. A
 * channel's sum is one chain over the rows, in ascending order, as in plain C. */
#include "cpu/batch_norm.h"
#include "cpu/unroll.h"

/* n is LANES, or fewer behind the last whole vector. */
static inline vec load_upto(const float *p, size_t n)
{
    return n < LANES ? vec_load_part(p, n) : vec_load(p);
}

static inline void store_upto(float *p, vec x, size_t n)
{
    if (n < LANES)
        vec_store_part(p, x, n);
    else
        vec_store(p, x);
}

/* Both kinds of sums take `vectors` vectors of channels from `first` on, in registers; the last one has n
 * channels. */
static inline __attribute__((always_inline)) void
sums_of(float *sums, const struct cclip_batch_norm_job *job, size_t begin, size_t end, size_t first,
        const size_t vectors, const size_t n)
{
    vec a[4], b[4], shift[4];
    const float *x = job->in + begin * job->channels + first;
    const size_t rows = end - begin < CCLIP_BATCH_NORM_SHIFT_ROWS ? end - begin
                                                                  : CCLIP_BATCH_NORM_SHIFT_ROWS;
    UNROLL
    for (size_t i = 0; i < vectors; i++) {
        a[i] = b[i] = shift[i] = vec_set(0.0f);
        for (size_t r = 0; r < rows; r++)
            shift[i] = vec_add(shift[i], load_upto(x + r * job->channels + i * LANES, n));
        shift[i] = vec_mul(shift[i], vec_set(1.0f / (float)rows));
        store_upto(sums + 2 * job->channels + first + i * LANES, shift[i], n);
    }
    for (size_t r = begin; r < end; r++, x += job->channels) {
        UNROLL
        for (size_t i = 0; i < vectors; i++) {
            const vec d = vec_sub(load_upto(x + i * LANES, n), shift[i]);
            a[i] = vec_add(a[i], d);
            b[i] = vec_fma(d, d, b[i]);
        }
    }
    UNROLL
    for (size_t i = 0; i < vectors; i++) {
        store_upto(sums + first + i * LANES, a[i], n);
        store_upto(sums + job->channels + first + i * LANES, b[i], n);
    }
}

/* dy behind the ReLU if it is computed anew, by the forward pass's own arithmetic; `normal` is (x - mean) rstd. */
static inline vec d_norm(const struct cclip_batch_norm_job *job, size_t at, vec normal, vec weight,
                         vec bias, size_t n)
{
    const vec dy = load_upto(job->d_out + at, n);
    return job->relu ? vec_positive(vec_fma(normal, weight, bias), dy, vec_set(0.0f)) : dy;
}

static inline __attribute__((always_inline)) void
gradient_sums_of(float *sums, const struct cclip_batch_norm_job *job, size_t begin, size_t end,
                 size_t first, const size_t vectors, const size_t n)
{
    vec a[4], b[4], mean[4], rstd[4], weight[4], bias[4];
    UNROLL
    for (size_t i = 0; i < vectors; i++) {
        a[i] = b[i] = vec_set(0.0f);
        mean[i] = load_upto(job->mean + first + i * LANES, n);
        rstd[i] = load_upto(job->rstd + first + i * LANES, n);
        weight[i] = load_upto(job->weight + first + i * LANES, n);
        bias[i] = load_upto(job->bias + first + i * LANES, n);
    }
    for (size_t r = begin; r < end; r++) {
        UNROLL
        for (size_t i = 0; i < vectors; i++) {
            const size_t at = r * job->channels + first + i * LANES;
            const vec normal = vec_mul(vec_sub(load_upto(job->in + at, n), mean[i]), rstd[i]);
            vec dy = d_norm(job, at, normal, weight[i], bias[i], n);
            if (job->y) {
                dy = vec_positive(load_upto(job->y + at, n), dy, vec_set(0.0f));
                store_upto(job->masked + at, dy, n);
            }
            a[i] = vec_add(a[i], dy);
            b[i] = vec_fma(dy, normal, b[i]);
        }
    }
    UNROLL
    for (size_t i = 0; i < vectors; i++) {
        store_upto(sums + first + i * LANES, a[i], n);
        store_upto(sums + job->channels + first + i * LANES, b[i], n);
    }
}

/* All channels, four vectors at a time as long as there are. */
#define ALL_CHANNELS(sums_of)                                            \
    size_t c = 0;                                                        \
    for (; c + 4 * LANES <= job->channels; c += 4 * LANES)               \
        sums_of(sums, job, begin, end, c, 4, LANES);                     \
    for (; c + 2 * LANES <= job->channels; c += 2 * LANES)               \
        sums_of(sums, job, begin, end, c, 2, LANES);                     \
    for (; c + LANES <= job->channels; c += LANES)                       \
        sums_of(sums, job, begin, end, c, 1, LANES);                     \
    if (c < job->channels)                                               \
        sums_of(sums, job, begin, end, c, 1, job->channels - c);

void VARIANT(cclip_batch_norm_sums)(float *sums, const struct cclip_batch_norm_job *job, size_t begin,
                                    size_t end)
{
    ALL_CHANNELS(sums_of)
}

void VARIANT(cclip_batch_norm_gradient_sums)(float *sums, const struct cclip_batch_norm_job *job,
                                             size_t begin, size_t end)
{
    ALL_CHANNELS(gradient_sums_of)
}

void VARIANT(cclip_batch_norm_forward)(const struct cclip_batch_norm_job *job, size_t begin, size_t end)
{
    for (size_t r = begin; r < end; r++)
        for (size_t c = 0, n; c < job->channels; c += n) {
            n = job->channels - c < LANES ? job->channels - c : LANES;
            const size_t at = r * job->channels + c;
            const vec d = vec_sub(load_upto(job->in + at, n), load_upto(job->mean + c, n));
            vec y = vec_fma(vec_mul(d, load_upto(job->rstd + c, n)), load_upto(job->weight + c, n),
                            load_upto(job->bias + c, n));
            if (job->residual)
                y = vec_add(y, load_upto(job->residual + at, n));
            if (job->relu)
                y = vec_max(vec_set(0.0f), y);
            store_upto(job->out + at, y, n);
        }
}

void VARIANT(cclip_batch_norm_backward)(const struct cclip_batch_norm_job *job, size_t begin, size_t end)
{
    for (size_t r = begin; r < end; r++)
        for (size_t c = 0, n; c < job->channels; c += n) {
            n = job->channels - c < LANES ? job->channels - c : LANES;
            const size_t at = r * job->channels + c;
            const vec rstd = load_upto(job->rstd + c, n), weight = load_upto(job->weight + c, n);
            const vec d = vec_sub(load_upto(job->in + at, n), load_upto(job->mean + c, n));
            const vec normal = vec_mul(d, rstd), bias = load_upto(job->bias + c, n);
            const vec dy = vec_sub(d_norm(job, at, normal, weight, bias, n), load_upto(job->first + c, n));
            const vec rest = vec_fnma(normal, load_upto(job->second + c, n), dy);
            store_upto(job->out + at, vec_mul(vec_mul(weight, rstd), rest), n);
        }
}
