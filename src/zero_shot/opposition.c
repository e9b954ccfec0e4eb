#include "zero_shot/opposition.h"

#include <math.h>
#include <string.h>

#include "base/limits.h"
#include "base/memory.h"
#include "zero_shot/scores.h"

/* Cosine of the centred directions above which a prompt is the label in other words. Between 0.4
 * and 0.6 nothing that was measured changes by more than its noise. */
static const float SAME_MEANING = 0.5f;

static void mean_row(float *mean, const float *rows, size_t count, size_t dim)
{
    for (size_t d = 0; d < dim; d++) {
        double sum = 0;
        for (size_t i = 0; i < count; i++)
            sum += (double)rows[i * dim + d];
        mean[d] = (float)(sum / (double)count);
    }
}

static void centre(float *out, const float *row, const float *mean, size_t dim)
{
    for (size_t d = 0; d < dim; d++)
        out[d] = row[d] - mean[d];
    const float length = sqrtf(cclip_inner_product(out, out, dim));
    const float factor = length > 0 ? 1 / length : 0;
    for (size_t d = 0; d < dim; d++)
        out[d] *= factor;
}

/* Appends the prompts that mean label `l`. When that is half of them or more, the list has no
 * opponents to spare and all are kept. */
static cclip_status exclude(struct cclip_opposition *o, size_t l, const float *centred,
                            const float *label)
{
    size_t used = o->excluded_offset[l];
    cclip_status status = cclip_grow(&o->excluded, &o->excluded_capacity, used + o->count,
                                     sizeof *o->excluded, CCLIP_LIMIT_LABELS * 1024, "prompts");
    for (size_t i = 0; i < o->count && !status; i++)
        if (cclip_inner_product(centred + i * o->dim, label, o->dim) > SAME_MEANING)
            o->excluded[used++] = (uint32_t)i;
    if (2 * (used - o->excluded_offset[l]) >= o->count)
        used = o->excluded_offset[l];
    o->excluded_offset[l + 1] = used;
    return status;
}

static cclip_status exclude_all(struct cclip_opposition *o, const float *weights)
{
    float *mean = cclip_allocate(o->dim, sizeof *mean), *label = cclip_allocate(o->dim, sizeof *label);
    float *centred = cclip_allocate(o->count * o->dim, sizeof *centred);
    cclip_status status = mean && label && centred ? CCLIP_OK : CCLIP_ERROR_MEMORY;
    if (status)
        goto done;
    mean_row(mean, o->embeddings, o->count, o->dim);
    for (size_t i = 0; i < o->count; i++)
        centre(centred + i * o->dim, o->embeddings + i * o->dim, mean, o->dim);
    for (size_t l = 0; l < o->labels && !status; l++) {
        centre(label, weights + l * o->dim, mean, o->dim);
        status = exclude(o, l, centred, label);
    }
done:
    cclip_release(centred);
    cclip_release(label);
    cclip_release(mean);
    return status;
}

cclip_status cclip_opposition_open(struct cclip_opposition *out, const float *embeddings,
                                   size_t count, size_t dim, const float *weights, size_t labels)
{
    *out = (struct cclip_opposition){ .count = count, .dim = dim, .labels = labels };
    if (!count)
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "an empty list of opposing prompts");
    cclip_status status = CCLIP_OK;
    out->embeddings = cclip_allocate(count * dim, sizeof *out->embeddings);
    out->excluded_offset = cclip_allocate_zero(labels + 1, sizeof *out->excluded_offset);
    if (!out->embeddings || !out->excluded_offset)
        status = CCLIP_ERROR_MEMORY;
    if (!status) {
        memcpy(out->embeddings, embeddings, count * dim * sizeof *embeddings);
        status = exclude_all(out, weights);
    }
    if (status)
        cclip_opposition_close(out);
    return status;
}

void cclip_opposition_close(struct cclip_opposition *opposition)
{
    cclip_release(opposition->embeddings);
    cclip_release(opposition->excluded_offset);
    cclip_release(opposition->excluded);
    *opposition = (struct cclip_opposition){ 0 };
}

/* Sum without the excluded terms: by subtraction where that loses no digits, else anew. */
static double sum_without(const double *terms, size_t count, double all, const uint32_t *excluded,
                          size_t excluded_count)
{
    double sum = all;
    for (size_t i = 0; i < excluded_count; i++)
        sum -= terms[excluded[i]];
    if (sum > 1e-6 * all)
        return sum;
    sum = 0;
    for (size_t i = 0, next = 0; i < count; i++) { /* both lists ascend */
        if (next < excluded_count && excluded[next] == i)
            next++;
        else
            sum += terms[i];
    }
    return sum;
}

void cclip_opposition_evidence(const struct cclip_opposition *opposition, float *evidence,
                               double *scratch, const float *embedding, float scale, float bias)
{
    const struct cclip_opposition *o = opposition;
    double largest = -INFINITY, all = 0;
    for (size_t i = 0; i < o->count; i++) {
        scratch[i] = (double)(
            scale * cclip_inner_product(embedding, o->embeddings + i * o->dim, o->dim) + bias);
        largest = fmax(largest, scratch[i]);
    }
    for (size_t i = 0; i < o->count; i++)
        all += scratch[i] = exp(scratch[i] - largest);
    for (size_t l = 0; l < o->labels; l++) {
        const size_t begin = o->excluded_offset[l], excluded = o->excluded_offset[l + 1] - begin;
        const double sum = sum_without(scratch, o->count, all, o->excluded + begin, excluded);
        evidence[l] =
            (float)(largest + log(fmax(sum, 1e-300) / (double)(o->count - excluded)));
    }
}
