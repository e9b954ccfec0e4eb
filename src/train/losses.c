#include "train/losses.h"

#include <math.h>
#include <string.h>

#include "base/thread_pool.h"

/* All losses go through the logits: L = exp(s) I T^T, dL by the loss, then
 *   dI = exp(s) dL T,   dT = exp(s) dL^T I,   ds = sum of dL L
 *
 * A rank has the rows of its own images and of its own texts, each against all of the other side. What the
 * other direction makes of an entry needs no more than that direction's log-sum-exp, one number a row: so the
 * ranks exchange embeddings and these numbers, and each has its own rows' gradients whole. No gradient travels. */
struct logits {
    float *values[2];   /* own rows of images and of texts: [count, total] */
    double *normals[2]; /* [total]: log-sum-exp of every row, of all ranks */
};

/* The pairs of all ranks, and what is worked out for them. */
struct work {
    const struct cclip_pairs *pairs;
    struct cclip_device *device;
    struct cclip_arena *arena;
    size_t count, total, first; /* own rows; all; the place of the first own one */
    const float *all[2];        /* [total, dim] */
    const size_t *groups;       /* [total] or NULL */
    struct logits student, teacher;
    double *rows; /* [3, count]: of each image's row its share of the loss, of d_scale and of d_bias */
    int side;     /* of the loop that runs */
};

static int matches(const struct work *w, size_t i, size_t j)
{
    return i == j || (w->groups && w->groups[i] == w->groups[j]);
}

static void *take(struct work *w, size_t count, size_t size)
{
    return cclip_arena_take(w->arena, count, size);
}

/* Rows of all ranks. Host memory, as the communicator's. */
static cclip_status gather_rows(struct work *w, const float **out, const float *own, size_t dim)
{
    *out = own;
    if (!w->pairs->ranks)
        return CCLIP_OK;
    float *all = take(w, w->total, dim * sizeof *all);
    *out = all;
    return all ? cclip_all_gather(w->pairs->ranks, all, own, w->count * dim * sizeof *all)
               : CCLIP_ERROR_MEMORY;
}

static cclip_status gather_groups(struct work *w)
{
    const struct cclip_pairs *pairs = w->pairs;
    w->groups = pairs->groups;
    if (!pairs->groups || !pairs->ranks)
        return CCLIP_OK;
    size_t *all = take(w, w->total, sizeof *all);
    w->groups = all;
    return all ? cclip_all_gather(pairs->ranks, all, pairs->groups, w->count * sizeof *all)
               : CCLIP_ERROR_MEMORY;
}

/* [count, total] of both sides; the normals are not there yet. */
static cclip_status make_logits(struct work *w, struct logits *out, const float *const own[2],
                                const float *const all[2], size_t dim, float logit_scale)
{
    struct cclip_device *device = w->device;
    const size_t n = w->count * w->total;
    const float scale = expf(logit_scale);
    float *on_device = take(w, n, sizeof *on_device);
    cclip_status status = on_device ? CCLIP_OK : CCLIP_ERROR_MEMORY;
    for (int side = 0; side < 2 && !status; side++) {
        const struct cclip_matrix others = { .columns = w->total, .depth = dim, .values = all[1 - side],
                                             .column_stride = dim, .depth_stride = 1 };
        out->values[side] = take(w, n, sizeof(float));
        out->normals[side] = take(w, w->total, sizeof(double));
        if (!out->values[side] || !out->normals[side])
            return CCLIP_ERROR_MEMORY;
        device->ops->linear(device, on_device, w->total, own[side], dim, w->count, &others, NULL);
        status = cclip_device_finish(device);
        if (!status)
            status = device->ops->download(device, out->values[side], on_device, n * sizeof(float));
        for (size_t i = 0; !status && i < n; i++)
            out->values[side][i] *= scale;
    }
    return status;
}

static cclip_status begin(struct work *w, const struct cclip_pairs *pairs, struct cclip_device *device,
                          struct cclip_arena *arena)
{
    const size_t ranks = (size_t)cclip_communicator_size(pairs->ranks);
    *w = (struct work){ .pairs = pairs, .device = device, .arena = arena, .count = pairs->count,
                        .total = pairs->count * ranks,
                        .first = pairs->count * (size_t)cclip_communicator_rank(pairs->ranks) };
    w->rows = take(w, 3 * w->count, sizeof *w->rows);
    cclip_status status = w->rows ? gather_groups(w) : CCLIP_ERROR_MEMORY;
    if (!status)
        memset(w->rows, 0, 3 * w->count * sizeof *w->rows);
    for (int side = 0; side < 2 && !status; side++)
        status = gather_rows(w, &w->all[side], pairs->embeddings[side], pairs->dim);
    if (!status)
        status = make_logits(w, &w->student, pairs->embeddings, w->all, pairs->dim, pairs->logit_scale);
    return status;
}

static cclip_status begin_teacher(struct work *w)
{
    const struct cclip_teacher *teacher = w->pairs->teacher;
    const float *all[2] = { NULL, NULL };
    cclip_status status = CCLIP_OK;
    for (int side = 0; side < 2 && !status; side++)
        status = gather_rows(w, &all[side], teacher->embeddings[side], teacher->dim);
    return status ? status : make_logits(w, &w->teacher, teacher->embeddings, all, teacher->dim,
                                         teacher->logit_scale);
}

/* log of the sum of exp(values[j]) */
static double log_sum_exp(const float *values, size_t n)
{
    double largest = -INFINITY, sum = 0;
    for (size_t j = 0; j < n; j++)
        largest = values[j] > largest ? values[j] : largest;
    for (size_t j = 0; j < n; j++)
        sum += exp(values[j] - largest);
    return largest + log(sum);
}

/* ---- loops over own rows: each row is its own sum, whatever the threads --------------------------- */

static cclip_status normal_body(void *context, size_t begin_row, size_t end, int worker)
{
    struct work *w = context;
    (void)worker;
    for (size_t i = begin_row; i < end; i++)
        for (int side = 0; side < 2; side++) {
            const size_t at = i * w->total;
            w->student.normals[side][w->first + i] = log_sum_exp(w->student.values[side] + at, w->total);
            if (w->teacher.values[side])
                w->teacher.normals[side][w->first + i] =
                    log_sum_exp(w->teacher.values[side] + at, w->total);
        }
    return CCLIP_OK;
}

/* Entry j of an own row as both directions see it: its part of the loss in the row's own one, and the slope of
 * both. One distribution under another: -sum p log q, with slope q - p. */
struct entry {
    double loss, slope;
};

/* The even distribution over the matches, `share` each. */
static struct entry cross_entropy(const struct work *w, size_t own, size_t j, double value, double share)
{
    const double normal = w->student.normals[w->side][own], other = w->student.normals[1 - w->side][j];
    const double target = matches(w, own, j) ? share : 0;
    return (struct entry){ target * (normal - value),
                           exp(value - normal) - target + (exp(value - other) - target) };
}

/* The teacher's softmax. */
static struct entry imitation(const struct work *w, size_t own, size_t j, double value, double wanted)
{
    const struct logits *l = &w->student, *by = &w->teacher;
    const double target = exp(wanted - by->normals[w->side][own]), normal = l->normals[w->side][own];
    const double other_target = exp(wanted - by->normals[1 - w->side][j]);
    return (struct entry){ target * (normal - value),
                           exp(value - normal) - target +
                               (exp(value - l->normals[1 - w->side][j]) - other_target) };
}

/* What an own row holds becomes its slopes times exp(s): what the embeddings' gradients are made of. */
static cclip_status softmax_body(void *context, size_t begin_row, size_t end, int worker)
{
    struct work *w = context;
    const double over = 1 / (2 * (double)w->total), scale = exp((double)w->pairs->logit_scale);
    (void)worker;
    for (size_t i = begin_row; i < end; i++) {
        float *values = w->student.values[w->side] + i * w->total;
        const float *wanted = w->teacher.values[0] ? w->teacher.values[w->side] + i * w->total : NULL;
        const size_t own = w->first + i;
        size_t targets = 0;
        double loss = 0, by_scale = 0;
        for (size_t j = 0; j < w->total; j++)
            targets += (size_t)matches(w, own, j);
        for (size_t j = 0; j < w->total; j++) {
            struct entry e = cross_entropy(w, own, j, values[j], 1.0 / (double)targets);
            const struct entry more = wanted ? imitation(w, own, j, values[j], wanted[j])
                                             : (struct entry){ 0 };
            const double slope = (e.slope + more.slope) * over;
            loss += e.loss + more.loss;
            by_scale += slope * values[j];
            values[j] = (float)(slope * scale);
        }
        w->rows[i] += loss * over;
        if (w->side == 0) /* each entry once: it is in a row of images and in one of texts */
            w->rows[w->count + i] = by_scale;
    }
    return CCLIP_OK;
}

/* -log sigmoid(x), and its slope -sigmoid(-x), without overflow on either side. */
static double log_sigmoid_loss(double x, double *slope)
{
    const double e = exp(-fabs(x));
    *slope = x > 0 ? -e / (1 + e) : -1 / (1 + e);
    return (x > 0 ? 0 : -x) + log1p(e);
}

static cclip_status sigmoid_body(void *context, size_t begin_row, size_t end, int worker)
{
    struct work *w = context;
    const double scale = exp((double)w->pairs->logit_scale), n = (double)w->total;
    (void)worker;
    for (size_t i = begin_row; i < end; i++) {
        float *values = w->student.values[w->side] + i * w->total;
        double loss = 0, by_scale = 0, by_bias = 0, slope;
        for (size_t j = 0; j < w->total; j++) {
            const double z = matches(w, w->first + i, j) ? 1 : -1;
            loss += log_sigmoid_loss(z * ((double)values[j] + w->pairs->logit_bias), &slope);
            slope *= z / n;
            by_bias += slope;
            by_scale += slope * values[j];
            values[j] = (float)(slope * scale);
        }
        if (w->side == 0) {
            w->rows[i] = loss / n;
            w->rows[w->count + i] = by_scale;
            w->rows[2 * w->count + i] = by_bias;
        }
    }
    return CCLIP_OK;
}

/* ---- what the losses share --------------------------------------------------------------------- */

static cclip_status over_rows(struct work *w, cclip_parallel_body *body)
{
    enum { PIECE = 1 << 13 }; /* entries that are worth a thread's attention */
    return cclip_parallel(w->device->pool, w->count, PIECE / w->total + 1, body, w);
}

/* Every row's log-sum-exp, of all ranks. */
static cclip_status find_normals(struct work *w)
{
    const cclip_status status = over_rows(w, normal_body);
    const size_t kinds = w->teacher.values[0] ? 4 : 2, n = w->count;
    double *const normals[4] = { w->student.normals[0], w->student.normals[1], w->teacher.normals[0],
                                 w->teacher.normals[1] };
    double *own = take(w, kinds * n, sizeof *own), *all = take(w, kinds * w->total, sizeof *all);
    if (status || !own || !all)
        return status ? status : CCLIP_ERROR_MEMORY;
    for (size_t k = 0; k < kinds; k++)
        memcpy(own + k * n, normals[k] + w->first, n * sizeof *own);
    const cclip_status late = cclip_all_gather(w->pairs->ranks, all, own, kinds * n * sizeof *own);
    for (size_t r = 0; r < w->total / n && !late; r++)
        for (size_t k = 0; k < kinds; k++)
            memcpy(normals[k] + r * n, all + (r * kinds + k) * n, n * sizeof *own);
    return late;
}

/* Slopes of both sides by `body`; what the rows gave is added up in their order, the loss over all ranks. */
static cclip_status finish(struct cclip_loss *out, struct work *w, cclip_parallel_body *body)
{
    const size_t n = w->count, dim = w->pairs->dim;
    struct cclip_device *device = w->device;
    cclip_status status = CCLIP_OK;
    for (w->side = 0; w->side < 2 && !status; w->side++)
        status = over_rows(w, body);
    for (size_t i = 0; i < n && !status; i++) {
        out->value += w->rows[i];
        out->d_logit_scale += w->rows[n + i];
        out->d_logit_bias += w->rows[2 * n + i];
    }
    if (!status)
        status = cclip_all_sum(w->pairs->ranks, &out->value, 1);
    float *slopes = take(w, n * w->total, sizeof *slopes);
    for (int side = 0; side < 2 && !status; side++) {
        const struct cclip_matrix others = { .columns = dim, .depth = w->total, .values = w->all[1 - side],
                                             .column_stride = 1, .depth_stride = dim };
        out->d_embeddings[side] = take(w, n * dim, sizeof(float));
        if (!out->d_embeddings[side] || !slopes)
            return CCLIP_ERROR_MEMORY;
        status = device->ops->upload(device, slopes, w->student.values[side],
                                     n * w->total * sizeof *slopes);
        if (status)
            return status;
        device->ops->linear(device, out->d_embeddings[side], dim, slopes, w->total, n, &others, NULL);
        status = cclip_device_finish(device);
    }
    return status;
}

cclip_status cclip_contrastive_loss(struct cclip_loss *out, const struct cclip_pairs *pairs,
                                    struct cclip_device *device, struct cclip_arena *arena)
{
    struct work w;
    *out = (struct cclip_loss){ 0 };
    cclip_status status = begin(&w, pairs, device, arena);
    if (!status)
        status = find_normals(&w);
    return status ? status : finish(out, &w, softmax_body);
}

cclip_status cclip_distillation_loss(struct cclip_loss *out, const struct cclip_pairs *pairs,
                                     struct cclip_device *device, struct cclip_arena *arena)
{
    struct work w;
    *out = (struct cclip_loss){ 0 };
    if (!pairs->teacher)
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "distillation needs a teacher's embeddings");
    cclip_status status = begin(&w, pairs, device, arena);
    if (!status)
        status = begin_teacher(&w);
    if (!status)
        status = find_normals(&w);
    return status ? status : finish(out, &w, softmax_body);
}

cclip_status cclip_sigmoid_loss(struct cclip_loss *out, const struct cclip_pairs *pairs,
                                struct cclip_device *device, struct cclip_arena *arena)
{
    struct work w;
    *out = (struct cclip_loss){ 0 };
    const cclip_status status = begin(&w, pairs, device, arena);
    return status ? status : finish(out, &w, sigmoid_body);
}
