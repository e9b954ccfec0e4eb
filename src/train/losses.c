#include "train/losses.h"

#include <math.h>

/* Both losses go through the logits: L = exp(s) I T^T, dL by the loss, then
 *   dI = exp(s) dL T,   dT = exp(s) dL^T I,   ds = sum of dL L */
struct logits {
    float *values, *slopes; /* host memory [count, count] */
    float *on_device;
};

static int matches(const struct cclip_pairs *pairs, size_t i, size_t j)
{
    return i == j || (pairs->groups && pairs->groups[i] == pairs->groups[j]);
}

static cclip_status make_logits(struct logits *out, const struct cclip_pairs *pairs,
                                struct cclip_device *device, struct cclip_arena *arena)
{
    const size_t n = pairs->count, dim = pairs->dim;
    const struct cclip_matrix texts = { .columns = n, .depth = dim, .values = pairs->embeddings[1],
                                        .column_stride = dim, .depth_stride = 1 };
    const float scale = expf(pairs->logit_scale);
    out->values = cclip_arena_take(arena, n * n, sizeof(float));
    out->slopes = cclip_arena_take(arena, n * n, sizeof(float));
    out->on_device = cclip_arena_take(arena, n * n, sizeof(float));
    if (!out->values || !out->slopes || !out->on_device)
        return CCLIP_ERROR_MEMORY;
    device->ops->linear(device, out->on_device, n, pairs->embeddings[0], dim, n, &texts, NULL);
    cclip_status status = cclip_device_finish(device);
    if (!status)
        status = device->ops->download(device, out->values, out->on_device, n * n * sizeof(float));
    for (size_t i = 0; !status && i < n * n; i++)
        out->values[i] *= scale;
    return status;
}

/* From dL in `slopes`. */
static cclip_status finish(struct cclip_loss *out, const struct logits *logits,
                           const struct cclip_pairs *pairs, struct cclip_device *device,
                           struct cclip_arena *arena)
{
    const size_t n = pairs->count, dim = pairs->dim;
    const float scale = expf(pairs->logit_scale);
    double d_scale = 0;
    for (size_t i = 0; i < n * n; i++) {
        d_scale += (double)logits->slopes[i] * logits->values[i];
        logits->slopes[i] *= scale;
    }
    out->d_logit_scale = d_scale;
    for (int side = 0; side < 2; side++) {
        out->d_embeddings[side] = cclip_arena_take(arena, n * dim, sizeof(float));
        if (!out->d_embeddings[side])
            return CCLIP_ERROR_MEMORY;
    }
    const cclip_status status =
        device->ops->upload(device, logits->on_device, logits->slopes, n * n * sizeof(float));
    if (status)
        return status;
    const struct cclip_matrix texts = { .columns = dim, .depth = n, .values = pairs->embeddings[1],
                                        .column_stride = 1, .depth_stride = dim };
    device->ops->linear(device, out->d_embeddings[0], dim, logits->on_device, n, n, &texts, NULL);
    device->ops->zero(device, out->d_embeddings[1], n * dim);
    device->ops->add_product(device, out->d_embeddings[1], dim, logits->on_device, n, n,
                             pairs->embeddings[0], dim, dim, n);
    return cclip_device_finish(device);
}

/* Cross entropy of n distributions: entry j of line i is values[i * line + j * step]. Adds its share of
 * dL; 2 n is what the sum over both directions is divided by. */
static double cross_entropy(const struct logits *logits, const struct cclip_pairs *pairs,
                            size_t line, size_t step)
{
    const size_t n = pairs->count;
    double total = 0;
    for (size_t i = 0; i < n; i++) {
        const float *values = logits->values + i * line;
        float *slopes = logits->slopes + i * line;
        double largest = -INFINITY, sum = 0;
        size_t targets = 0;
        for (size_t j = 0; j < n; j++) {
            largest = values[j * step] > largest ? values[j * step] : largest;
            targets += (size_t)matches(pairs, i, j);
        }
        for (size_t j = 0; j < n; j++)
            sum += exp(values[j * step] - largest);
        const double normal = largest + log(sum), share = 1.0 / (double)targets;
        for (size_t j = 0; j < n; j++) {
            const double target = matches(pairs, i, j) ? share : 0;
            const double likely = exp(values[j * step] - normal);
            total += target * (normal - values[j * step]);
            slopes[j * step] += (float)((likely - target) / (2 * (double)n));
        }
    }
    return total / (2 * (double)n);
}

cclip_status cclip_contrastive_loss(struct cclip_loss *out, const struct cclip_pairs *pairs,
                                    struct cclip_device *device, struct cclip_arena *arena)
{
    const size_t n = pairs->count;
    struct logits logits;
    *out = (struct cclip_loss){ 0 };
    const cclip_status status = make_logits(&logits, pairs, device, arena);
    if (status)
        return status;
    for (size_t i = 0; i < n * n; i++)
        logits.slopes[i] = 0;
    out->value = cross_entropy(&logits, pairs, n, 1) + cross_entropy(&logits, pairs, 1, n);
    return finish(out, &logits, pairs, device, arena);
}

/* -log sigmoid(x), and its slope -sigmoid(-x), without overflow on either side. */
static double log_sigmoid_loss(double x, double *slope)
{
    const double e = exp(-fabs(x));
    *slope = x > 0 ? -e / (1 + e) : -1 / (1 + e);
    return (x > 0 ? 0 : -x) + log1p(e);
}

cclip_status cclip_sigmoid_loss(struct cclip_loss *out, const struct cclip_pairs *pairs,
                                struct cclip_device *device, struct cclip_arena *arena)
{
    const size_t n = pairs->count;
    struct logits logits;
    *out = (struct cclip_loss){ 0 };
    const cclip_status status = make_logits(&logits, pairs, device, arena);
    if (status)
        return status;
    for (size_t i = 0; i < n * n; i++) {
        const double z = matches(pairs, i / n, i % n) ? 1 : -1;
        double slope;
        out->value += log_sigmoid_loss(z * ((double)logits.values[i] + pairs->logit_bias), &slope);
        slope *= z / (double)n;
        logits.slopes[i] = (float)slope;
        out->d_logit_bias += slope;
    }
    out->value /= (double)n;
    return finish(out, &logits, pairs, device, arena);
}
