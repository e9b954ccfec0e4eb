/* What tests of layers share: parameters from random numbers by name, the pieces that definitions in double
 * are made of, and the comparison of each parameter's gradient with central differences. */
#ifndef CCLIP_TESTS_LAYER_H
#define CCLIP_TESTS_LAYER_H

#include "gradients/cpu/difference.h"

#include <math.h>

#include "nn/backward.h"
#include "nn/parameter.h"

static inline cclip_status layer_require(void *context, const char *name, const size_t *shape, int rank)
{
    (void)context, (void)name, (void)shape, (void)rank;
    return CCLIP_OK;
}

static inline cclip_status layer_read(void *context, const char *name, const size_t *shape, int rank,
                                      float *scratch, const float **out)
{
    struct cclip_random random;
    uint64_t seed = 5;
    size_t count = 1;
    (void)context;
    for (int i = 0; i < rank; i++)
        count *= shape[i];
    for (const char *c = name; *c; c++)
        seed = seed * 31 + (uint64_t)*c;
    cclip_random_seed(&random, seed, 1);
    for (size_t i = 0; i < count; i++)
        scratch[i] = (float)(0.5 * cclip_random_normal(&random));
    *out = scratch;
    return CCLIP_OK;
}

static inline void layer_forget(void *context, const char *name)
{
    (void)context, (void)name;
}

static const struct cclip_parameter_source layer_source = { .require = layer_require,
                                                            .read = layer_read,
                                                            .forget = layer_forget };

/* In `in`, the inputs of a definition, number 1 holds all parameters; d->context knows their places. */
static inline const double *layer_parameter(const struct difference *d, double *const in[MOST_INPUTS],
                                            const char *prefix, const char *name)
{
    char full[120];
    snprintf(full, sizeof full, "%s.%s", prefix, name);
    return in[1] + cclip_trainables_find(d->context, full)->begin;
}

/* The set's values become the next input. */
static inline void layer_input(struct difference *d, const struct cclip_trainables *set)
{
    d->in[d->inputs] = malloc(set->elements * sizeof(float));
    assert_non_null(d->in[d->inputs]);
    memcpy(d->in[d->inputs], set->values, set->elements * sizeof(float));
    d->count[d->inputs++] = set->elements;
}

static inline void layer_linear(double *y, const double *x, const double *weight, const double *bias,
                                int columns, int depth)
{
    for (int i = 0; i < columns; i++) {
        y[i] = bias[i];
        for (int k = 0; k < depth; k++)
            y[i] += weight[i * depth + k] * x[k];
    }
}

/* y may be x. */
static inline void layer_norm(double *y, const double *x, const double *weight, const double *bias,
                              int channels, double epsilon)
{
    double mean = 0, variance = 0;
    for (int c = 0; c < channels; c++)
        mean += x[c] / channels;
    for (int c = 0; c < channels; c++)
        variance += (x[c] - mean) * (x[c] - mean) / channels;
    for (int c = 0; c < channels; c++)
        y[c] = (x[c] - mean) / sqrt(variance + epsilon) * weight[c] + bias[c];
}

static inline void layer_quick_gelu(double *x, int count)
{
    for (int i = 0; i < count; i++)
        x[i] /= 1 + exp(-1.702 * x[i]);
}

/* Each parameter by itself; `expected` is difference_gradient's. What moves all keys of a head alike changes nothing:
 * there rounding alone is left. */
static inline void layer_check_parameters(const double *expected, const struct cclip_trainables *set)
{
    for (size_t k = 0; k < set->count; k++) {
        const struct cclip_trainable *item = &set->items[k];
        double off = 0, length = 0;
        for (size_t i = item->begin; i < item->begin + item->count; i++) {
            off += pow(set->gradients[i] - expected[i], 2);
            length += pow(expected[i], 2);
        }
        const double rounding = sqrt(length) < 1e-8 ? 2e-6 : 0;
        if (!(sqrt(off) <= 1e-4 * sqrt(length) + rounding))
            fail_msg("%s: the gradient differs by %.3g of its length %.3g", item->name,
                     sqrt(off / length), sqrt(length));
    }
}

#endif
