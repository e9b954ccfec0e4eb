#include "zero_shot/calibration.h"

#include <math.h>
#include <string.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/limits.h"
#include "formats/json.h"
#include "zero_shot/scores.h"

enum { BINS = 15, PARAMETERS = 3, MAXIMUM_STEPS = 100 };
static const double LARGEST = 1e9; /* of a calibration's numbers */

cclip_status cclip_calibration_check(const cclip_calibration *calibration, const char *name)
{
    const cclip_calibration *c = calibration;
    if (c->version != CCLIP_CALIBRATION_VERSION)
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "%s: version %u is not known", name,
                          (unsigned)c->version);
    if (!(fabs(c->slope) <= LARGEST) || !(fabs(c->opposing) <= LARGEST) ||
        !(fabs(c->bias) <= LARGEST)) /* neither NaN nor a sum that overflows */
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "%s: slope, opposing and bias must be within %g", name,
                          LARGEST);
    if (!(c->prior > 0) || !(c->prior < 1))
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "%s: the prior %g is not between 0 and 1", name,
                          c->prior);
    return CCLIP_OK;
}

static double log_odds(double probability)
{
    return log(probability / (1 - probability));
}

double cclip_calibrated(const cclip_calibration *calibration, double logit, double evidence)
{
    const cclip_calibration *c = calibration;
    return cclip_sigmoid(c->slope * logit - c->opposing * evidence + c->bias + log_odds(c->prior));
}

/* The fit. Predictors are centred and scaled first, so that the Newton matrix is well behaved
 * whatever a model's logit scale is. */
struct fit {
    const float *logits, *evidence;
    const unsigned char *yes;
    const float *weight; /* or NULL: all 1 */
    size_t pairs;
    double total; /* of the weights */
    double mean[2], deviation[2];
    double theta[PARAMETERS]; /* slope, minus opposing, bias; of the scaled predictors */
};

static const double PULL = 1e-2; /* as one hundredth of a pair's weight on each squared slope */

static double weight_of(const struct fit *fit, size_t i)
{
    return fit->weight ? (double)fit->weight[i] : 1;
}

static void scale_predictors(struct fit *fit)
{
    const float *const columns[2] = { fit->logits, fit->evidence };
    for (int k = 0; k < 2; k++) {
        double sum = 0, square = 0;
        for (size_t i = 0; i < fit->pairs; i++)
            sum += weight_of(fit, i) * (double)columns[k][i];
        fit->mean[k] = sum / fit->total;
        for (size_t i = 0; i < fit->pairs; i++) {
            const double x = (double)columns[k][i] - fit->mean[k];
            square += weight_of(fit, i) * x * x;
        }
        const double deviation = sqrt(square / fit->total);
        fit->deviation[k] = deviation > 1e-9 ? deviation : 1;
    }
}

static void predictors(const struct fit *fit, size_t i, double x[PARAMETERS])
{
    x[0] = ((double)fit->logits[i] - fit->mean[0]) / fit->deviation[0];
    x[1] = ((double)fit->evidence[i] - fit->mean[1]) / fit->deviation[1];
    x[2] = 1;
}

static double dot3(const double *a, const double *b)
{
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

/* Negative log likelihood with the pull; log(1 + e^z) - y z without overflow. */
static double objective(const struct fit *fit, const double theta[PARAMETERS])
{
    double sum = 0.5 * PULL * (theta[0] * theta[0] + theta[1] * theta[1]);
    for (size_t i = 0; i < fit->pairs; i++) {
        double x[PARAMETERS];
        predictors(fit, i, x);
        const double z = dot3(theta, x);
        sum += weight_of(fit, i) * (fmax(z, 0) + log1p(exp(-fabs(z))) - (fit->yes[i] ? z : 0));
    }
    return sum;
}

static void derivatives(const struct fit *fit, double gradient[PARAMETERS],
                        double hessian[PARAMETERS][PARAMETERS])
{
    memset(hessian, 0, sizeof(double) * PARAMETERS * PARAMETERS);
    memset(gradient, 0, sizeof(double) * PARAMETERS);
    for (size_t i = 0; i < fit->pairs; i++) {
        double x[PARAMETERS];
        predictors(fit, i, x);
        const double p = cclip_sigmoid(dot3(fit->theta, x));
        const double weight = weight_of(fit, i), w = weight * p * (1 - p);
        for (int r = 0; r < PARAMETERS; r++) {
            gradient[r] += weight * (p - fit->yes[i]) * x[r];
            for (int c = 0; c < PARAMETERS; c++)
                hessian[r][c] += w * x[r] * x[c];
        }
    }
    for (int r = 0; r < PARAMETERS; r++) {
        gradient[r] += r < 2 ? PULL * fit->theta[r] : 0;
        hessian[r][r] += r < 2 ? PULL : 1e-9;
    }
}

/* Gauss-Jordan; the matrix is positive definite, so no pivoting. `b` becomes the solution. */
static void solve3(double a[PARAMETERS][PARAMETERS], double b[PARAMETERS])
{
    for (int k = 0; k < PARAMETERS; k++) {
        for (int r = 0; r < PARAMETERS; r++) {
            const double factor = r == k ? 0 : a[r][k] / a[k][k];
            for (int c = 0; c < PARAMETERS; c++)
                a[r][c] -= factor * a[k][c];
            b[r] -= factor * b[k];
        }
    }
    for (int k = 0; k < PARAMETERS; k++)
        b[k] /= a[k][k];
}

/* One damped Newton step; returns how far it went. */
static double newton_step(struct fit *fit)
{
    double step[PARAMETERS], hessian[PARAMETERS][PARAMETERS], next[PARAMETERS];
    derivatives(fit, step, hessian);
    solve3(hessian, step);
    const double before = objective(fit, fit->theta);
    for (double length = 1; length > 1e-9; length /= 2) {
        double moved = 0;
        for (int k = 0; k < PARAMETERS; k++) {
            next[k] = fit->theta[k] - length * step[k];
            moved = fmax(moved, fabs(length * step[k]));
        }
        if (objective(fit, next) <= before) {
            memcpy(fit->theta, next, sizeof next);
            return moved;
        }
    }
    return 0;
}

cclip_status cclip_calibration_fit_pairs(cclip_calibration *out, const float *logits,
                                         const float *evidence, const unsigned char *yes,
                                         const float *weight, size_t pairs)
{
    struct fit fit = { .logits = logits, .evidence = evidence, .yes = yes, .weight = weight,
                       .pairs = pairs };
    double right = 0;
    size_t count = 0;
    for (size_t i = 0; i < pairs; i++) {
        fit.total += weight_of(&fit, i);
        right += yes[i] ? weight_of(&fit, i) : 0;
        count += yes[i];
        if (!isfinite(logits[i]) || !isfinite(evidence[i]))
            return cclip_fail(CCLIP_ERROR_ARGUMENT, "calibration: pair %zu is not a finite number", i);
    }
    if (!count || count == pairs)
        return cclip_fail(CCLIP_ERROR_ARGUMENT,
                          "calibration: needs pictures with a label that fits and one that does not");
    const double prior = right / fit.total;
    cclip_calibration fitted = { .version = CCLIP_CALIBRATION_VERSION, .prior = prior };
    scale_predictors(&fit);
    fit.theta[2] = log_odds(prior);
    for (int i = 0; i < MAXIMUM_STEPS && newton_step(&fit) > 1e-10; i++)
        continue;
    fitted.slope = fit.theta[0] / fit.deviation[0];
    fitted.opposing = -fit.theta[1] / fit.deviation[1];
    fitted.bias = fit.theta[2] - fitted.slope * fit.mean[0] + fitted.opposing * fit.mean[1] -
                  log_odds(prior);
    const cclip_status status = cclip_calibration_check(&fitted, "the fitted calibration");
    if (!status)
        *out = fitted;
    return status;
}

static const struct field {
    const char *key;
    size_t offset;
} fields[] = {
    { "slope", offsetof(cclip_calibration, slope) },
    { "opposing", offsetof(cclip_calibration, opposing) },
    { "bias", offsetof(cclip_calibration, bias) },
    { "prior", offsetof(cclip_calibration, prior) },
};
enum { FIELDS = sizeof fields / sizeof *fields };

static double *field_of(cclip_calibration *calibration, const struct field *field)
{
    return (double *)(void *)((char *)calibration + field->offset);
}

static cclip_status from_json(cclip_calibration *out, const cclip_json *root, const char *name)
{
    cclip_calibration read = { .version = CCLIP_CALIBRATION_VERSION };
    const cclip_json *version = cclip_json_get(root, "cclip_calibration");
    if (!cclip_json_is_integer(version))
        return cclip_fail(CCLIP_ERROR_FORMAT, "%s: no calibration: \"cclip_calibration\" is missing",
                          name);
    if (cclip_json_integer(version, 0) != CCLIP_CALIBRATION_VERSION)
        return cclip_fail(CCLIP_ERROR_UNSUPPORTED, "%s: calibration of version %lld; known is %d",
                          name, (long long)cclip_json_integer(version, 0),
                          CCLIP_CALIBRATION_VERSION);
    for (size_t i = 0; i < FIELDS; i++) {
        const cclip_json *value = cclip_json_get(root, fields[i].key);
        if (!cclip_json_is_number(value))
            return cclip_fail(CCLIP_ERROR_FORMAT, "%s: \"%s\" is not a number", name, fields[i].key);
        *field_of(&read, &fields[i]) = cclip_json_number(value, 0);
    }
    if (cclip_calibration_check(&read, name))
        return CCLIP_ERROR_FORMAT;
    *out = read;
    return CCLIP_OK;
}

cclip_status cclip_calibration_parse(cclip_calibration *out, const char *text, size_t length,
                                     const char *name)
{
    cclip_json *root = NULL;
    cclip_status status = cclip_json_parse(&root, text, length, name);
    if (!status)
        status = from_json(out, root, name);
    cclip_json_close(&root);
    return status;
}

cclip_status cclip_calibration_load(cclip_calibration *out, const char *path)
{
    enum { MOST_BYTES = 1 << 20 };
    struct cclip_buffer text;
    cclip_buffer_open(&text, MOST_BYTES);
    cclip_status status = cclip_file_read(&text, path, MOST_BYTES);
    if (!status)
        status = cclip_calibration_parse(out, text.data ? text.data : "", text.length, path);
    cclip_buffer_close(&text);
    return status;
}

cclip_status cclip_calibration_save(const cclip_calibration *calibration, const char *path)
{
    cclip_calibration copy = *calibration;
    struct cclip_buffer text;
    cclip_status status = cclip_calibration_check(calibration, path);
    cclip_buffer_open(&text, 1 << 16);
    cclip_json *root = status ? NULL : cclip_json_new_object();
    if (!status)
        status = root ? cclip_json_set(root, "cclip_calibration",
                                       cclip_json_new_integer(CCLIP_CALIBRATION_VERSION))
                      : CCLIP_ERROR_MEMORY;
    for (size_t i = 0; i < FIELDS && !status; i++)
        status = cclip_json_set(root, fields[i].key,
                                cclip_json_new_number(*field_of(&copy, &fields[i])));
    if (!status)
        status = cclip_json_write(&text, root, 2);
    if (!status)
        status = cclip_buffer_byte(&text, '\n');
    if (!status)
        status = cclip_file_write(path, text.data, text.length);
    cclip_json_close(&root);
    cclip_buffer_close(&text);
    return status;
}

/* Predictions sorted into equal bins of probability: how far is what was said from what happened? */
struct bins {
    double said[BINS], happened[BINS];
    size_t total;
};

static void bin_add(struct bins *bins, double probability, int yes)
{
    const int at = (int)(probability * BINS);
    const int bin = at < 0 ? 0 : at >= BINS ? BINS - 1 : at;
    bins->said[bin] += probability;
    bins->happened[bin] += yes;
    bins->total++;
}

static double bin_error(const struct bins *bins)
{
    double sum = 0;
    for (int i = 0; i < BINS; i++)
        sum += fabs(bins->said[i] - bins->happened[i]);
    return bins->total ? sum / (double)bins->total : 0;
}

static double log_loss(double probability, int yes)
{
    return -log(fmax(yes ? probability : 1 - probability, 1e-12));
}

cclip_status cclip_calibration_quality_of(cclip_calibration_quality *out,
                                          const float *probabilities, const int32_t *truth,
                                          size_t pictures, size_t labels)
{
    struct bins all = { .total = 0 }, best = { .total = 0 };
    double loss = 0, brier = 0;
    for (size_t p = 0; p < pictures; p++) {
        const float *row = probabilities + p * labels;
        size_t top = 0;
        for (size_t l = 0; l < labels; l++) {
            const int yes = truth[p] >= 0 && (size_t)truth[p] == l;
            if (!(row[l] >= 0 && row[l] <= 1))
                return cclip_fail(CCLIP_ERROR_ARGUMENT, "picture %zu, label %zu: %g is no probability",
                                  p, l, (double)row[l]);
            bin_add(&all, (double)row[l], yes);
            loss += log_loss((double)row[l], yes);
            brier += ((double)row[l] - yes) * ((double)row[l] - yes);
            if (row[l] > row[top])
                top = l;
        }
        bin_add(&best, (double)row[top], truth[p] >= 0 && (size_t)truth[p] == top);
    }
    const double pairs = all.total ? (double)all.total : 1;
    out->expected_calibration_error = bin_error(&all);
    out->best_calibration_error = bin_error(&best);
    out->log_loss = loss / pairs;
    out->brier = brier / pairs;
    return CCLIP_OK;
}
