/* Gradients against finite differences of a forward pass in double precision.
 *
 * A case has inputs, some of them with a gradient, and a forward function in double. The loss is the sum of
 * the outputs times fixed numbers, so these numbers are the output's gradient. Each partial derivative is a
 * central difference in double, good to about 1e-9; the operation under test works in float32. The error
 * allowed is 1e-4 of the gradient's length. Each case runs at every level this CPU has. */
#ifndef CCLIP_TESTS_DIFFERENCE_H
#define CCLIP_TESTS_DIFFERENCE_H

#include "kernels/cpu/kernel_test.h"

#include "support/unit.h"

enum { MOST_INPUTS = 8 };

struct difference {
    void (*forward)(const struct difference *d, double *out, double *const in[MOST_INPUTS]);
    const void *context;
    size_t inputs, count[MOST_INPUTS], out_count;
    float *in[MOST_INPUTS], *slope; /* slope: of the loss by the output */
};

static inline float *random_floats(size_t count, uint64_t seed, double mean, double width)
{
    struct cclip_random random;
    float *out = malloc((count + 1) * sizeof *out);
    assert_non_null(out);
    cclip_random_seed(&random, seed, 1);
    for (size_t i = 0; i < count; i++)
        out[i] = (float)(mean + width * cclip_random_normal(&random));
    return out;
}

static inline void difference_input(struct difference *d, size_t count, double mean, double width)
{
    d->in[d->inputs] = random_floats(count, 100 + d->inputs, mean, width);
    d->count[d->inputs++] = count;
}

static inline void difference_output(struct difference *d, size_t count)
{
    d->out_count = count;
    d->slope = random_floats(count, 99, 0, 1);
}

static inline void difference_close(struct difference *d)
{
    for (size_t i = 0; i < d->inputs; i++)
        free(d->in[i]);
    free(d->slope);
}

static inline double difference_loss(const struct difference *d, double *out,
                                     double *const in[MOST_INPUTS])
{
    double sum = 0;
    d->forward(d, out, in);
    for (size_t i = 0; i < d->out_count; i++)
        sum += out[i] * d->slope[i];
    return sum;
}

/* The true gradient of input `which`. */
static inline double *difference_gradient(const struct difference *d, size_t which)
{
    double *in[MOST_INPUTS] = { NULL }, *out = malloc((d->out_count + 1) * sizeof *out);
    double *gradient = malloc((d->count[which] + 1) * sizeof *gradient);
    assert_true(out && gradient);
    for (size_t i = 0; i < d->inputs; i++) {
        in[i] = malloc((d->count[i] + 1) * sizeof **in);
        assert_non_null(in[i]);
        for (size_t k = 0; k < d->count[i]; k++)
            in[i][k] = d->in[i][k];
    }
    for (size_t k = 0; k < d->count[which]; k++) {
        const double x = in[which][k], step = 1e-5;
        in[which][k] = x + step;
        const double above = difference_loss(d, out, in);
        in[which][k] = x - step;
        gradient[k] = (above - difference_loss(d, out, in)) / (2 * step);
        in[which][k] = x;
    }
    for (size_t i = 0; i < d->inputs; i++)
        free(in[i]);
    free(out);
    return gradient;
}

static inline void difference_check(const struct difference *d, size_t which, const float *got,
                                    const char *what)
{
    double *expected = difference_gradient(d, which), off = 0, length = 0;
    for (size_t k = 0; k < d->count[which]; k++) {
        off += (got[k] - expected[k]) * (got[k] - expected[k]);
        length += expected[k] * expected[k];
    }
    if (!(sqrt(off) <= 1e-4 * sqrt(length) + 1e-7))
        fail_msg("%s: the gradient of input %zu differs by %.3g of its length %.3g", what, which,
                 sqrt(off / length), sqrt(length));
    free(expected);
}

#endif
