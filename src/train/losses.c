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

static cclip_status make_logits(struct logits *out, const float *const embeddings[2], size_t n, size_t dim,
                                float logit_scale, struct cclip_device *device,
                                struct cclip_arena *arena)
{
    const struct cclip_matrix texts = { .columns = n, .depth = dim, .values = embeddings[1],
                                        .column_stride = dim, .depth_stride = 1 };
    const float scale = expf(logit_scale);
    out->values = cclip_arena_take(arena, n * n, sizeof(float));
    out->slopes = cclip_arena_take(arena, n * n, sizeof(float));
    out->on_device = cclip_arena_take(arena, n * n, sizeof(float));
    if (!out->values || !out->slopes || !out->on_device)
        return CCLIP_ERROR_MEMORY;
    device->ops->linear(device, out->on_device, n, embeddings[0], dim, n, &texts, NULL);
    cclip_status status = cclip_device_finish(device);
    if (!status)
        status = device->ops->download(device, out->values, out->on_device, n * n * sizeof(float));
    for (size_t i = 0; !status && i < n * n; i++) {
        out->values[i] *= scale;
        out->slopes[i] = 0;
    }
    return status;
}

static cclip_status student_logits(struct logits *out, const struct cclip_pairs *pairs,
                                   struct cclip_device *device, struct cclip_arena *arena)
{
    return make_logits(out, pairs->embeddings, pairs->count, pairs->dim, pairs->logit_scale, device,
                       arena);
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

/* log of the sum of exp(values[j * step]) */
static double log_sum_exp(const float *values, size_t n, size_t step)
{
    double largest = -INFINITY, sum = 0;
    for (size_t j = 0; j < n; j++)
        largest = values[j * step] > largest ? values[j * step] : largest;
    for (size_t j = 0; j < n; j++)
        sum += exp(values[j * step] - largest);
    return largest + log(sum);
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
        size_t targets = 0;
        for (size_t j = 0; j < n; j++)
            targets += (size_t)matches(pairs, i, j);
        const double normal = log_sum_exp(values, n, step), share = 1.0 / (double)targets;
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
    const cclip_status status = student_logits(&logits, pairs, device, arena);
    if (status)
        return status;
    out->value = cross_entropy(&logits, pairs, n, 1) + cross_entropy(&logits, pairs, 1, n);
    return finish(out, &logits, pairs, device, arena);
}

/* The same with the teacher's softmax as the target. */
static double imitation(const struct logits *logits, const struct logits *teacher, size_t n,
                        size_t line, size_t step)
{
    double total = 0;
    for (size_t i = 0; i < n; i++) {
        const float *values = logits->values + i * line, *wanted = teacher->values + i * line;
        float *slopes = logits->slopes + i * line;
        const double normal = log_sum_exp(values, n, step);
        const double teacher_normal = log_sum_exp(wanted, n, step);
        for (size_t j = 0; j < n; j++) {
            const double target = exp(wanted[j * step] - teacher_normal);
            const double likely = exp(values[j * step] - normal);
            total += target * (normal - values[j * step]);
            slopes[j * step] += (float)((likely - target) / (2 * (double)n));
        }
    }
    return total / (2 * (double)n);
}

cclip_status cclip_distillation_loss(struct cclip_loss *out, const struct cclip_pairs *pairs,
                                     struct cclip_device *device, struct cclip_arena *arena)
{
    const size_t n = pairs->count;
    const struct cclip_teacher *by = pairs->teacher;
    struct logits logits, teacher;
    *out = (struct cclip_loss){ 0 };
    if (!by)
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "distillation needs a teacher's embeddings");
    cclip_status status = student_logits(&logits, pairs, device, arena);
    if (!status)
        status = make_logits(&teacher, by->embeddings, n, by->dim, by->logit_scale, device, arena);
    if (status)
        return status;
    out->value = cross_entropy(&logits, pairs, n, 1) + cross_entropy(&logits, pairs, 1, n);
    out->value += imitation(&logits, &teacher, n, n, 1) + imitation(&logits, &teacher, n, 1, n);
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
    const cclip_status status = student_logits(&logits, pairs, device, arena);
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
