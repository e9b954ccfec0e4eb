#include "train/linear_probe.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/thread_pool.h"
#include "train/lbfgs.h"

/* Samples of one pass: their logits are what is in memory at a time. A fixed number, so that sums are cut
 * at the same places on every machine. */
enum { PASS = 2048, ROWS_A_PIECE = 64, PAIRS_KEPT = 10, ALIGNMENT = 16 };

/* The values are sums of float32 logits' losses: what they are worth, relative. */
static const double NOISE = 1e-7;

/* A mean gradient, in the fit's coordinates, of which rounding may be the larger part. */
static const double GRADIENT = 1e-7;

/* A feature whose deviation is below this share of its mean is constant but for rounding. */
static const double CONSTANT = 1e-6;

struct cclip_probe_trainer {
    struct cclip_device *device;
    const struct cclip_probe_data *data;
    size_t columns; /* dim + 1: the last one is 1, its weight the bias */
    size_t stride;  /* of a row, in floats */
    float *samples; /* [count][stride], device memory: x - mean, 1 */
    double *mean, *variance; /* [dim] */
    /* Scratch. */
    float *weight;     /* [classes][stride], device memory */
    float *d_weight;   /* the same, of one pass */
    float *logits;     /* [PASS][classes], device memory; becomes the loss's gradient */
    double *losses;    /* [PASS] */
    double *scale;     /* [columns]: units of the coordinates */
    double *point;     /* [classes][columns] */
    double penalty;    /* 1 / (C n) */
    const struct cclip_probe_fit *fit;
};

cclip_status cclip_linear_probe_open(struct cclip_linear_probe *out, size_t classes, size_t dim)
{
    *out = (struct cclip_linear_probe){ .classes = classes, .dim = dim };
    out->weight = cclip_allocate_zero(classes, dim * sizeof *out->weight);
    out->bias = cclip_allocate_zero(classes, sizeof *out->bias);
    if (out->weight && out->bias)
        return CCLIP_OK;
    cclip_linear_probe_close(out);
    return CCLIP_ERROR_MEMORY;
}

void cclip_linear_probe_close(struct cclip_linear_probe *probe)
{
    cclip_release(probe->weight);
    cclip_release(probe->bias);
    *probe = (struct cclip_linear_probe){ 0 };
}

void cclip_linear_probe_copy(struct cclip_linear_probe *out, const struct cclip_linear_probe *probe)
{
    memcpy(out->weight, probe->weight, probe->classes * probe->dim * sizeof *out->weight);
    memcpy(out->bias, probe->bias, probe->classes * sizeof *out->bias);
}

/* One column at a time, in the order of the samples. */
static cclip_status moments_body(void *context, size_t begin, size_t end, int worker)
{
    struct cclip_probe_trainer *t = context;
    const struct cclip_probe_data *data = t->data;
    (void)worker;
    for (size_t i = 0; i < data->count; i++)
        for (size_t j = begin; j < end; j++)
            t->mean[j] += (double)data->features[i * data->dim + j];
    for (size_t j = begin; j < end; j++)
        t->mean[j] /= (double)data->count;
    for (size_t i = 0; i < data->count; i++)
        for (size_t j = begin; j < end; j++) {
            const double x = (double)data->features[i * data->dim + j] - t->mean[j];
            t->variance[j] += x * x;
        }
    for (size_t j = begin; j < end; j++) {
        t->variance[j] /= (double)data->count;
        if (sqrt(t->variance[j]) <= CONSTANT * fabs(t->mean[j]))
            t->variance[j] = 0;
    }
    return CCLIP_OK;
}

static cclip_status centre_body(void *context, size_t begin, size_t end, int worker)
{
    struct cclip_probe_trainer *t = context;
    const size_t dim = t->data->dim;
    (void)worker;
    for (size_t i = begin; i < end; i++) {
        const float *in = t->data->features + i * dim;
        float *row = t->samples + i * t->stride;
        for (size_t j = 0; j < dim; j++)
            row[j] = t->variance[j] > 0 ? (float)((double)in[j] - t->mean[j]) : 0;
        row[dim] = 1;
        memset(row + t->columns, 0, (t->stride - t->columns) * sizeof *row);
    }
    return CCLIP_OK;
}

static cclip_status check_data(const struct cclip_probe_data *data)
{
    if (!data->count || !data->dim || data->classes < 2)
        return cclip_fail(CCLIP_ERROR_ARGUMENT,
                          "a linear probe needs samples of at least two classes, not %zu of %zu",
                          data->count, data->classes);
    for (size_t i = 0; i < data->count; i++) {
        if (data->labels[i] < 0 || (size_t)data->labels[i] >= data->classes)
            return cclip_fail(CCLIP_ERROR_ARGUMENT, "sample %zu: class %d of %zu", i,
                              (int)data->labels[i], data->classes);
        for (size_t j = 0; j < data->dim; j++)
            if (!isfinite(data->features[i * data->dim + j]))
                return cclip_fail(CCLIP_ERROR_ARGUMENT,
                                  "sample %zu: feature %zu is not a finite number", i, j);
    }
    return CCLIP_OK;
}

static cclip_status take_memory(struct cclip_probe_trainer *t)
{
    const struct cclip_probe_data *data = t->data;
    const size_t matrix = data->classes * t->stride * sizeof(float);
    t->mean = cclip_allocate_zero(data->dim, sizeof *t->mean);
    t->variance = cclip_allocate_zero(data->dim, sizeof *t->variance);
    t->losses = cclip_allocate(PASS, sizeof *t->losses);
    t->scale = cclip_allocate(t->columns, sizeof *t->scale);
    t->point = cclip_allocate(data->classes, t->columns * sizeof *t->point);
    t->samples = cclip_allocate_aligned(data->count * t->stride * sizeof *t->samples);
    t->weight = cclip_allocate_aligned(matrix);
    t->d_weight = cclip_allocate_aligned(matrix);
    t->logits = cclip_allocate_aligned(PASS * data->classes * sizeof *t->logits);
    return t->mean && t->variance && t->losses && t->scale && t->point && t->samples && t->weight &&
                   t->d_weight && t->logits
               ? CCLIP_OK
               : CCLIP_ERROR_MEMORY;
}

cclip_status cclip_probe_trainer_open(struct cclip_probe_trainer **out, struct cclip_device *device,
                                      const struct cclip_probe_data *data)
{
    *out = NULL;
    cclip_status status = check_data(data);
    struct cclip_probe_trainer *t = status ? NULL : cclip_allocate_zero(1, sizeof *t);
    if (!t)
        return status ? status : CCLIP_ERROR_MEMORY;
    t->device = device;
    t->data = data;
    t->columns = data->dim + 1;
    t->stride = (t->columns + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    status = take_memory(t);
    if (!status)
        status = cclip_parallel(device->pool, data->dim, ALIGNMENT, moments_body, t);
    if (!status)
        status = cclip_parallel(device->pool, data->count, ROWS_A_PIECE, centre_body, t);
    if (status)
        cclip_probe_trainer_close(&t);
    *out = t;
    return status;
}

void cclip_probe_trainer_close(struct cclip_probe_trainer **out)
{
    struct cclip_probe_trainer *t = *out;
    if (!t)
        return;
    cclip_release(t->mean);
    cclip_release(t->variance);
    cclip_release(t->losses);
    cclip_release(t->scale);
    cclip_release(t->point);
    cclip_release_aligned(t->samples);
    cclip_release_aligned(t->weight);
    cclip_release_aligned(t->d_weight);
    cclip_release_aligned(t->logits);
    cclip_release(t);
    *out = NULL;
}

/* A row of logits becomes softmax minus target; returns -log softmax of the target. Of NaN comes NaN. */
static double row_loss(float *logits, size_t classes, size_t target)
{
    float most = logits[0];
    double sum = 0;
    for (size_t k = 1; k < classes; k++)
        most = logits[k] > most ? logits[k] : most;
    const double own = (double)logits[target] - (double)most;
    for (size_t k = 0; k < classes; k++) {
        logits[k] = expf(logits[k] - most);
        sum += (double)logits[k];
    }
    const float share = (float)(1 / sum);
    for (size_t k = 0; k < classes; k++)
        logits[k] *= share;
    logits[target] -= 1;
    return log(sum) - own;
}

/* A pass: samples [first, first + count). */
struct pass {
    struct cclip_probe_trainer *trainer;
    size_t first;
};

static cclip_status loss_body(void *context, size_t begin, size_t end, int worker)
{
    const struct pass *pass = context;
    struct cclip_probe_trainer *t = pass->trainer;
    const size_t classes = t->data->classes;
    (void)worker;
    for (size_t i = begin; i < end; i++)
        t->losses[i] = row_loss(t->logits + i * classes, classes,
                                (size_t)t->data->labels[pass->first + i]);
    return CCLIP_OK;
}

/* Adds a pass's share of the mean loss and, not yet in the coordinates' units, of its gradient. */
static cclip_status add_pass(struct cclip_probe_trainer *t, double *value, double *gradient,
                             size_t first, size_t count)
{
    const size_t classes = t->data->classes;
    const double each = 1 / (double)t->data->count;
    const struct cclip_matrix matrix = { .columns = classes, .depth = t->columns,
                                         .values = t->weight, .column_stride = t->stride,
                                         .depth_stride = 1 };
    const float *samples = t->samples + first * t->stride;
    struct cclip_device *device = t->device;
    struct pass pass = { t, first };
    double sum = 0;
    device->ops->linear(device, t->logits, classes, samples, t->stride, count, &matrix, NULL);
    cclip_status status = cclip_device_finish(device);
    if (!status)
        status = cclip_parallel(device->pool, count, ROWS_A_PIECE, loss_body, &pass);
    if (status)
        return status;
    device->ops->zero(device, t->d_weight, classes * t->stride);
    device->ops->add_product(device, t->d_weight, t->stride, t->logits, classes, classes, samples,
                             t->stride, t->columns, count, 0);
    status = cclip_device_finish(device);
    for (size_t i = 0; i < count; i++)
        sum += t->losses[i];
    *value += each * sum;
    for (size_t k = 0; k < classes && !status; k++)
        for (size_t j = 0; j < t->columns; j++)
            gradient[k * t->columns + j] += each * (double)t->d_weight[k * t->stride + j];
    return status;
}

/* objective / (C n) at a point in the fit's coordinates, and its gradient. */
static cclip_status objective(void *context, double *value, double *gradient, const double *point)
{
    struct cclip_probe_trainer *t = context;
    const size_t classes = t->data->classes, columns = t->columns, count = t->data->count;
    double squares = 0;
    cclip_status status = CCLIP_OK;
    *value = 0;
    memset(gradient, 0, classes * columns * sizeof *gradient);
    for (size_t k = 0; k < classes; k++) {
        float *row = t->weight + k * t->stride;
        memset(row + columns, 0, (t->stride - columns) * sizeof *row);
        for (size_t j = 0; j < columns; j++)
            row[j] = (float)(t->scale[j] * point[k * columns + j]);
    }
    for (size_t first = 0; first < count && !status; first += PASS)
        status = add_pass(t, value, gradient, first, count - first < PASS ? count - first : PASS);
    for (size_t k = 0; k < classes; k++) {
        for (size_t j = 0; j < columns; j++) {
            const double weight = j + 1 < columns ? t->scale[j] * point[k * columns + j] : 0;
            double *slope = &gradient[k * columns + j];
            *slope = t->scale[j] * (*slope + t->penalty * weight);
            squares += weight * weight;
        }
    }
    *value += 0.5 * t->penalty * squares;
    return status;
}

static cclip_status report(void *context, size_t iteration, double value, double gradient)
{
    const struct cclip_probe_trainer *t = context;
    (void)value;
    (void)gradient;
    return t->fit->report ? t->fit->report(t->fit->user, iteration) : CCLIP_OK;
}

static void choose_scale(struct cclip_probe_trainer *t, double c)
{
    const double classes = (double)t->data->classes, curvature = (1 - 1 / classes) / classes;
    t->penalty = 1 / (c * (double)t->data->count);
    for (size_t j = 0; j < t->data->dim; j++)
        t->scale[j] = 1 / sqrt(curvature * t->variance[j] + t->penalty);
    t->scale[t->data->dim] = 1 / sqrt(curvature);
}

/* From a probe to the coordinates of the fit, and back. */
static void to_point(struct cclip_probe_trainer *t, const struct cclip_linear_probe *probe)
{
    const size_t dim = t->data->dim;
    for (size_t k = 0; k < t->data->classes; k++) {
        double *row = t->point + k * t->columns, bias = (double)probe->bias[k];
        for (size_t j = 0; j < dim; j++) {
            const double weight = (double)probe->weight[k * dim + j];
            row[j] = weight / t->scale[j];
            bias += weight * t->mean[j];
        }
        row[dim] = bias / t->scale[dim];
    }
}

static void to_probe(const struct cclip_probe_trainer *t, struct cclip_linear_probe *probe)
{
    const size_t dim = t->data->dim;
    for (size_t k = 0; k < t->data->classes; k++) {
        const double *row = t->point + k * t->columns;
        double bias = row[dim] * t->scale[dim];
        for (size_t j = 0; j < dim; j++) {
            probe->weight[k * dim + j] = (float)(t->scale[j] * row[j]);
            bias -= (double)probe->weight[k * dim + j] * t->mean[j];
        }
        probe->bias[k] = (float)bias;
    }
}

cclip_status cclip_probe_trainer_fit(struct cclip_probe_trainer *t, struct cclip_linear_probe *probe,
                                     const struct cclip_probe_fit *fit,
                                     struct cclip_probe_fitted *fitted)
{
    const struct cclip_lbfgs problem = { .size = t->data->classes * t->columns,
                                         .function = objective,
                                         .context = t,
                                         .memory = PAIRS_KEPT,
                                         .iterations = fit->iterations,
                                         .gradient_tolerance = GRADIENT,
                                         .value_tolerance = fit->tolerance,
                                         .noise = NOISE,
                                         .report = report };
    struct cclip_lbfgs_result result;
    t->fit = fit;
    choose_scale(t, fit->c);
    to_point(t, probe);
    const cclip_status status = cclip_lbfgs_minimize(&problem, t->point, &result);
    if (status)
        return status;
    to_probe(t, probe);
    *fitted = (struct cclip_probe_fitted){ .objective = result.value / t->penalty,
                                           .iterations = result.iterations,
                                           .evaluations = result.evaluations,
                                           .converged = result.converged };
    return CCLIP_OK;
}

/* Judging: logits of a pass, then each row's loss and whether it is right. */
struct judged {
    const struct cclip_probe_data *data;
    float *logits;
    double *losses;
    unsigned char *right;
    size_t first;
};

static cclip_status judge_body(void *context, size_t begin, size_t end, int worker)
{
    const struct judged *j = context;
    const size_t classes = j->data->classes;
    (void)worker;
    for (size_t i = begin; i < end; i++) {
        float *row = j->logits + i * classes;
        const size_t target = (size_t)j->data->labels[j->first + i];
        size_t best = 0;
        for (size_t k = 1; k < classes; k++)
            if (row[k] > row[best])
                best = k;
        j->right[i] = best == target;
        j->losses[i] = row_loss(row, classes, target);
    }
    return CCLIP_OK;
}

static cclip_status judge_passes(struct judged *j, struct cclip_probe_quality *out,
                                 const struct cclip_linear_probe *probe, struct cclip_device *device)
{
    const struct cclip_probe_data *data = j->data;
    const struct cclip_matrix matrix = { .columns = data->classes, .depth = data->dim,
                                         .values = probe->weight, .column_stride = data->dim,
                                         .depth_stride = 1 };
    const struct cclip_epilogue epilogue = { .bias = probe->bias };
    double loss = 0;
    size_t right = 0;
    cclip_status status = CCLIP_OK;
    for (j->first = 0; j->first < data->count && !status; j->first += PASS) {
        const size_t count = data->count - j->first < PASS ? data->count - j->first : PASS;
        device->ops->linear(device, j->logits, data->classes, data->features + j->first * data->dim,
                            data->dim, count, &matrix, &epilogue);
        status = cclip_device_finish(device);
        if (!status)
            status = cclip_parallel(device->pool, count, ROWS_A_PIECE, judge_body, j);
        for (size_t i = 0; i < count && !status; i++) {
            loss += j->losses[i];
            right += j->right[i];
        }
    }
    out->accuracy = (double)right / (double)data->count;
    out->cross_entropy = loss / (double)data->count;
    return status;
}

cclip_status cclip_linear_probe_judge(struct cclip_probe_quality *out,
                                      const struct cclip_linear_probe *probe,
                                      struct cclip_device *device, const struct cclip_probe_data *data)
{
    struct judged j = { .data = data };
    j.logits = cclip_allocate_aligned(PASS * data->classes * sizeof *j.logits);
    j.losses = cclip_allocate(PASS, sizeof *j.losses);
    j.right = cclip_allocate(PASS, sizeof *j.right);
    const cclip_status status = j.logits && j.losses && j.right ? judge_passes(&j, out, probe, device)
                                                                : CCLIP_ERROR_MEMORY;
    cclip_release_aligned(j.logits);
    cclip_release(j.losses);
    cclip_release(j.right);
    return status;
}
