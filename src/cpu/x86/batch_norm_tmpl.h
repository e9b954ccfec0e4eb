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

/* Sums of `vectors` vectors of channels from `first` on, in registers; the last one has n channels. */
static inline __attribute__((always_inline)) void
sums_of(float *sums, const struct cclip_batch_norm_job *job, size_t begin, size_t end, size_t first,
        const size_t vectors, const size_t n)
{
    vec a[4], b[4], mean[4], rstd[4];
    UNROLL
    for (size_t i = 0; i < vectors; i++) {
        a[i] = b[i] = vec_set(0.0f);
        mean[i] = load_upto(job->mean + first + i * LANES, n);
        rstd[i] = job->d_out ? load_upto(job->rstd + first + i * LANES, n) : a[i];
    }
    for (size_t r = begin; r < end; r++) {
        const float *x = job->in + r * job->channels + first;
        const float *dy = job->d_out ? job->d_out + r * job->channels + first : NULL;
        UNROLL
        for (size_t i = 0; i < vectors; i++) {
            const vec d = vec_sub(load_upto(x + i * LANES, n), mean[i]);
            const vec y = dy ? load_upto(dy + i * LANES, n) : d;
            a[i] = vec_add(a[i], y);
            b[i] = vec_fma(y, dy ? vec_mul(d, rstd[i]) : d, b[i]);
        }
    }
    UNROLL
    for (size_t i = 0; i < vectors; i++) {
        store_upto(sums + first + i * LANES, a[i], n);
        store_upto(sums + job->channels + first + i * LANES, b[i], n);
    }
}

void VARIANT(cclip_batch_norm_sums)(float *sums, const struct cclip_batch_norm_job *job, size_t begin,
                                    size_t end)
{
    size_t c = 0;
    for (; c + 4 * LANES <= job->channels; c += 4 * LANES)
        sums_of(sums, job, begin, end, c, 4, LANES);
    for (; c + LANES <= job->channels; c += LANES)
        sums_of(sums, job, begin, end, c, 1, LANES);
    if (c < job->channels)
        sums_of(sums, job, begin, end, c, 1, job->channels - c);
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
            const vec rstd = load_upto(job->rstd + c, n);
            const vec d = vec_sub(load_upto(job->in + at, n), load_upto(job->mean + c, n));
            const vec dy = vec_sub(load_upto(job->d_out + at, n), load_upto(job->first + c, n));
            const vec rest = vec_fnma(vec_mul(d, rstd), load_upto(job->second + c, n), dy);
            store_upto(job->out + at, vec_mul(vec_mul(load_upto(job->weight + c, n), rstd), rest), n);
        }
}
