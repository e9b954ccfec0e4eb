/* Kernels written once over the vectors of vector_avx2.h or vector_avx512.h: activations, the
 * epilogue of a product, layer normalisation, softmax. Each kernels_*.c includes one of those and
 * then this file. Coefficients are made by fit_polynomials.py. */
#include <math.h>

#include "cpu/activation.h"
#include "cpu/attention.h"
#include "cpu/layer_norm.h"
#include "cpu/product.h"

/* ---- elementary functions ----------------------------------------------------------------- */

/* 2^(n + f), f in [-1/2, 1/2]: relative error 1e-7. */
static inline vec exp2_split(vec n, vec f)
{
    vec p = vec_set(0.00132764713f);
    p = vec_fma(p, f, vec_set(0.00967554096f));
    p = vec_fma(p, f, vec_set(0.0555071309f));
    p = vec_fma(p, f, vec_set(0.240221202f));
    p = vec_fma(p, f, vec_set(0.693146944f));
    p = vec_fma(p, f, vec_set(1.00000012f));
    return vec_scale(p, n);
}

/* exp(x) for x <= 0; below -104 it is 0. The product with log2(e) is carried to extra digits, the
 * polynomial is one degree longer: about one unit in the last place. */
static inline vec exp_negative(vec x)
{
    x = vec_max(vec_set(-110.0f), x);
    const vec log2e = vec_set(1.44269502f), low = vec_set(1.92596300e-8f);
    const vec n = vec_round(vec_mul(x, log2e));
    const vec f = vec_fma(x, low, vec_fma(x, log2e, vec_sub(vec_set(0.0f), n)));
    vec p = vec_set(0.000153458124f);
    p = vec_fma(p, f, vec_set(0.00133999309f));
    p = vec_fma(p, f, vec_set(0.00961848907f));
    p = vec_fma(p, f, vec_set(0.0555032864f));
    p = vec_fma(p, f, vec_set(0.240226462f));
    p = vec_fma(p, f, vec_set(0.693147182f));
    p = vec_fma(p, f, vec_set(1.0f));
    return vec_scale(p, n);
}

/* x / (1 + 2^z) */
static inline vec times_sigmoid(vec x, vec z)
{
    z = vec_max(vec_set(-126.0f), vec_min(vec_set(124.0f), z));
    const vec n = vec_round(z);
    return vec_mul(x, vec_reciprocal(vec_add(exp2_split(n, vec_sub(z, n)), vec_set(1.0f))));
}

static inline vec quick_gelu(vec x)
{
    return times_sigmoid(x, vec_mul(x, vec_set(-2.45546696f))); /* -1.702 log2(e) */
}

static inline vec gelu_tanh(vec x)
{
    /* -2 log2(e) sqrt(2 / pi) (x + 0.044715 x^3) */
    const vec inner = vec_fma(vec_mul(x, x), vec_set(-0.102943240f), vec_set(-2.30220819f));
    return times_sigmoid(x, vec_mul(x, inner));
}

/* x Phi(x) = max(x, 0) - |x| Q(|x|), with the upper tail Q(t) = exp(-t^2 / 2) times a polynomial in
 * 1 / (1 + 0.28125 t): small values on the left keep their digits. */
static inline vec gelu_tail(vec t)
{
    const vec s = vec_mul(t, t);
    const vec u = vec_reciprocal(vec_fma(t, vec_set(0.28125f), vec_set(1.0f)));
    const vec c = vec_set(-0.721347511f); /* -log2(e) / 2 */
    const vec n = vec_round(vec_mul(s, c));
    const vec f = vec_fma(s, c, vec_sub(vec_set(0.0f), n));
    vec q = vec_set(0.0218208935f);
    q = vec_fma(q, u, vec_set(-0.0774103478f));
    q = vec_fma(q, u, vec_set(0.0571211092f));
    q = vec_fma(q, u, vec_set(0.0316044092f));
    q = vec_fma(q, u, vec_set(0.0469532646f));
    q = vec_fma(q, u, vec_set(0.0942970365f));
    q = vec_fma(q, u, vec_set(0.100888982f));
    q = vec_fma(q, u, vec_set(0.112540983f));
    q = vec_fma(q, u, vec_set(0.11218369f));
    return vec_mul(vec_mul(q, u), exp2_split(n, f));
}

static inline vec gelu(vec x)
{
    const vec size = vec_abs(x), tail = gelu_tail(vec_min(vec_set(15.0f), size));
    return vec_fnma(size, tail, vec_max(vec_set(0.0f), x));
}

static inline __attribute__((always_inline)) vec activate(vec x, const enum cclip_activation kind)
{
    switch (kind) {
    case CCLIP_ACTIVATION_RELU:
        return vec_max(vec_set(0.0f), x);
    case CCLIP_ACTIVATION_GELU:
        return gelu(x);
    case CCLIP_ACTIVATION_GELU_TANH:
        return gelu_tanh(x);
    case CCLIP_ACTIVATION_QUICK_GELU:
        return quick_gelu(x);
    default:
        return x;
    }
}

/* `kind` is a constant at each call below, so that each loop holds one activation. */
static inline __attribute__((always_inline)) void activate_all(float *out, const float *in,
                                                               size_t count,
                                                               const enum cclip_activation kind)
{
    size_t i = 0;
    for (; i + LANES <= count; i += LANES)
        vec_store(out + i, activate(vec_load(in + i), kind));
    if (i < count)
        vec_store_part(out + i, activate(vec_load_part(in + i, count - i), kind), count - i);
}

void VARIANT(cclip_activation)(float *out, const float *in, size_t count,
                               enum cclip_activation kind)
{
    switch (kind) {
    case CCLIP_ACTIVATION_RELU:
        activate_all(out, in, count, CCLIP_ACTIVATION_RELU);
        break;
    case CCLIP_ACTIVATION_GELU:
        activate_all(out, in, count, CCLIP_ACTIVATION_GELU);
        break;
    case CCLIP_ACTIVATION_GELU_TANH:
        activate_all(out, in, count, CCLIP_ACTIVATION_GELU_TANH);
        break;
    case CCLIP_ACTIVATION_QUICK_GELU:
        activate_all(out, in, count, CCLIP_ACTIVATION_QUICK_GELU);
        break;
    default:
        activate_all(out, in, count, CCLIP_ACTIVATION_NONE);
        break;
    }
}

/* ---- gradients of activations ------------------------------------------------------------------ */

/* 1 / (1 + 2^z) */
static inline vec sigmoid(vec z)
{
    return times_sigmoid(vec_set(1.0f), z);
}

/* s + x s (1 - s) slope, where s = 1 / (1 + 2^z); 1 - s is taken from the other side, where it keeps its
 * digits. */
static inline vec sigmoid_slope(vec x, vec z, vec slope)
{
    const vec s = sigmoid(z), rest = sigmoid(vec_sub(vec_set(0.0f), z));
    return vec_fma(vec_mul(x, vec_mul(s, rest)), slope, s);
}

/* Phi(x) + x phi(x); Phi is gelu's tail without its factor. */
static inline vec gelu_slope(vec x)
{
    const vec size = vec_abs(x), t = vec_min(vec_set(15.0f), size);
    const vec tail = gelu_tail(t);
    const vec phi = vec_mul(vec_set(0.398942280f), exp_negative(vec_mul(vec_mul(t, t), vec_set(-0.5f))));
    /* On the right Phi = 1 - tail, on the left the tail itself. */
    const vec right = vec_fma(t, phi, vec_sub(vec_set(1.0f), tail));
    const vec left = vec_fnma(t, phi, tail);
    return vec_positive(x, right, left);
}

static inline __attribute__((always_inline)) vec slope_of(vec x, const enum cclip_activation kind)
{
    switch (kind) {
    case CCLIP_ACTIVATION_RELU:
        return vec_positive(x, vec_set(1.0f), vec_set(0.0f));
    case CCLIP_ACTIVATION_GELU:
        return gelu_slope(x);
    case CCLIP_ACTIVATION_GELU_TANH: {
        const vec square = vec_mul(x, x);
        const vec inner = vec_fma(square, vec_set(-0.102943240f), vec_set(-2.30220819f));
        return sigmoid_slope(x, vec_mul(x, inner),
                             vec_fma(square, vec_set(0.214064496f), vec_set(1.59576912f)));
    }
    case CCLIP_ACTIVATION_QUICK_GELU:
        return sigmoid_slope(x, vec_mul(x, vec_set(-2.45546696f)), vec_set(1.702f));
    default:
        return vec_set(1.0f);
    }
}

static inline __attribute__((always_inline)) void
slope_all(float *d_in, float *out, const float *d_out, const float *in, size_t count,
          const enum cclip_activation kind)
{
    size_t i = 0;
    for (; i + LANES <= count; i += LANES) {
        const vec x = vec_load(in + i);
        vec_store(d_in + i, vec_mul(vec_load(d_out + i), slope_of(x, kind)));
        if (out)
            vec_store(out + i, activate(x, kind));
    }
    if (i < count) {
        const size_t left = count - i;
        const vec x = vec_load_part(in + i, left);
        vec_store_part(d_in + i, vec_mul(vec_load_part(d_out + i, left), slope_of(x, kind)), left);
        if (out)
            vec_store_part(out + i, activate(x, kind), left);
    }
}

void VARIANT(cclip_activation_backward)(float *d_in, float *out, const float *d_out,
                                        const float *in, size_t count, enum cclip_activation kind)
{
    switch (kind) {
    case CCLIP_ACTIVATION_RELU:
        slope_all(d_in, out, d_out, in, count, CCLIP_ACTIVATION_RELU);
        break;
    case CCLIP_ACTIVATION_GELU:
        slope_all(d_in, out, d_out, in, count, CCLIP_ACTIVATION_GELU);
        break;
    case CCLIP_ACTIVATION_GELU_TANH:
        slope_all(d_in, out, d_out, in, count, CCLIP_ACTIVATION_GELU_TANH);
        break;
    case CCLIP_ACTIVATION_QUICK_GELU:
        slope_all(d_in, out, d_out, in, count, CCLIP_ACTIVATION_QUICK_GELU);
        break;
    default:
        slope_all(d_in, out, d_out, in, count, CCLIP_ACTIVATION_NONE);
        break;
    }
}

/* ---- epilogue of a product ------------------------------------------------------------------ */

static inline __attribute__((always_inline)) vec finish_part(vec y, const struct cclip_epilogue *e,
                                                             const float *residual, size_t c,
                                                             size_t n,
                                                             const enum cclip_activation kind)
{
    if (e->bias)
        y = vec_add(y, vec_load_part(e->bias + c, n));
    y = activate(y, kind);
    if (e->scale)
        y = vec_mul(y, vec_load_part(e->scale + c, n));
    if (residual)
        y = vec_add(y, vec_load_part(residual + c, n));
    return e->relu_last ? vec_max(vec_set(0.0f), y) : y;
}

static inline __attribute__((always_inline)) void epilogue_row(float *out, const float *in,
                                                               size_t columns,
                                                               const struct cclip_epilogue *given,
                                                               const float *residual,
                                                               const enum cclip_activation kind)
{
    const struct cclip_epilogue e = *given;
    size_t c = 0;
    for (; c + LANES <= columns; c += LANES) {
        vec y = vec_load(in + c);
        if (e.bias)
            y = vec_add(y, vec_load(e.bias + c));
        y = activate(y, kind);
        if (e.scale)
            y = vec_mul(y, vec_load(e.scale + c));
        if (residual)
            y = vec_add(y, vec_load(residual + c));
        if (e.relu_last)
            y = vec_max(vec_set(0.0f), y);
        vec_store(out + c, y);
    }
    if (c < columns)
        vec_store_part(out + c, finish_part(vec_load_part(in + c, columns - c), &e, residual, c,
                                            columns - c, kind), columns - c);
}

static inline __attribute__((always_inline)) void
epilogue_rows(float *out, size_t out_stride, const float *in, size_t in_stride, size_t rows,
              size_t columns, const struct cclip_epilogue *e, const enum cclip_activation kind)
{
    for (size_t r = 0; r < rows; r++)
        epilogue_row(out + r * out_stride, in + r * in_stride, columns, e,
                     e->residual ? e->residual + r * out_stride : NULL, kind);
}

void VARIANT(cclip_product_epilogue)(float *out, size_t out_stride, const float *in,
                                     size_t in_stride, size_t rows, size_t columns,
                                     const struct cclip_epilogue *e)
{
    switch (e->activation) {
    case CCLIP_ACTIVATION_RELU:
        epilogue_rows(out, out_stride, in, in_stride, rows, columns, e, CCLIP_ACTIVATION_RELU);
        break;
    case CCLIP_ACTIVATION_GELU:
        epilogue_rows(out, out_stride, in, in_stride, rows, columns, e, CCLIP_ACTIVATION_GELU);
        break;
    case CCLIP_ACTIVATION_GELU_TANH:
        epilogue_rows(out, out_stride, in, in_stride, rows, columns, e,
                      CCLIP_ACTIVATION_GELU_TANH);
        break;
    case CCLIP_ACTIVATION_QUICK_GELU:
        epilogue_rows(out, out_stride, in, in_stride, rows, columns, e,
                      CCLIP_ACTIVATION_QUICK_GELU);
        break;
    default:
        epilogue_rows(out, out_stride, in, in_stride, rows, columns, e, CCLIP_ACTIVATION_NONE);
        break;
    }
}

/* ---- layer normalisation -------------------------------------------------------------------- */

/* Sum of x - offset, or of its square, in two interleaved vectors of parts. */
static inline __attribute__((always_inline)) float deviation(const float *x, size_t count,
                                                             float offset, const int squared)
{
    const vec centre = vec_set(offset);
    vec sum[2] = { vec_set(0.0f), vec_set(0.0f) };
    size_t i = 0;
    for (; i + 2 * LANES <= count; i += 2 * LANES)
        for (size_t j = 0; j < 2; j++) {
            const vec d = vec_sub(vec_load(x + i + j * LANES), centre);
            sum[j] = squared ? vec_fma(d, d, sum[j]) : vec_add(sum[j], d);
        }
    for (size_t n; i < count; i += n) {
        n = count - i < LANES ? count - i : LANES;
        vec d = vec_sub(n < LANES ? vec_load_part(x + i, n) : vec_load(x + i), centre);
        if (n < LANES)
            d = vec_first(d, vec_set(0.0f), n);
        sum[0] = squared ? vec_fma(d, d, sum[0]) : vec_add(sum[0], d);
    }
    return vec_sum(vec_add(sum[0], sum[1]));
}

/* As in layer_norm.c: the first element is taken off before the first sum, and the second sum
 * corrects the mean and the variance for what the first lost. */
void VARIANT(cclip_layer_norm)(float *out, float *mean, float *rstd, const float *in,
                               const float *weight, const float *bias, size_t channels,
                               float epsilon)
{
    const float n = (float)channels, origin = in[0];
    const float centre = origin + deviation(in, channels, origin, 0) / n;
    const float rest = deviation(in, channels, centre, 0) / n;
    const float variance = deviation(in, channels, centre, 1) / n - rest * rest;
    const float scale = 1.0f / sqrtf((variance > 0 ? variance : 0) + epsilon);
    const vec c = vec_set(centre), r = vec_set(rest), s = vec_set(scale);
    size_t i = 0;
    for (; i + LANES <= channels; i += LANES) {
        const vec y = vec_mul(vec_sub(vec_sub(vec_load(in + i), c), r), s);
        vec_store(out + i, bias ? vec_fma(y, vec_load(weight + i), vec_load(bias + i))
                                : vec_mul(y, vec_load(weight + i)));
    }
    if (i < channels) {
        const size_t left = channels - i;
        const vec y = vec_mul(vec_sub(vec_sub(vec_load_part(in + i, left), c), r), s);
        const vec w = vec_load_part(weight + i, left);
        const vec b = bias ? vec_load_part(bias + i, left) : vec_set(0.0f);
        vec_store_part(out + i, bias ? vec_fma(y, w, b) : vec_mul(y, w), left);
    }
    *mean = centre + rest;
    *rstd = scale;
}

/* As layer_norm_backward_c. */
void VARIANT(cclip_layer_norm_backward)(float *d_in, float *sums, const float *d_out,
                                        const float *in, float mean, float rstd,
                                        const float *weight, const float *residual, size_t channels)
{
    const vec m = vec_set(mean), s = vec_set(rstd), zero = vec_set(0.0f);
    const size_t whole = channels / LANES * LANES, left = channels - whole;
    vec g_sum = zero, gn_sum = zero;
    for (size_t i = 0; i < whole; i += LANES) {
        const vec g = vec_mul(vec_load(d_out + i), vec_load(weight + i));
        g_sum = vec_add(g_sum, g);
        gn_sum = vec_fma(g, vec_mul(vec_sub(vec_load(in + i), m), s), gn_sum);
    }
    if (left) { /* zeros behind the end: g is zero there */
        const vec g = vec_mul(vec_load_part(d_out + whole, left), vec_load_part(weight + whole, left));
        g_sum = vec_add(g_sum, g);
        gn_sum = vec_fma(g, vec_mul(vec_sub(vec_load_part(in + whole, left), m), s), gn_sum);
    }
    const vec g_mean = vec_set(vec_sum(g_sum) / (float)channels);
    const vec gn_mean = vec_set(vec_sum(gn_sum) / (float)channels);
    float *const biases = sums + channels;
    for (size_t i = 0; i < whole; i += LANES) {
        const vec dy = vec_load(d_out + i), n = vec_mul(vec_sub(vec_load(in + i), m), s);
        vec_store(sums + i, vec_fma(dy, n, vec_load(sums + i)));
        vec_store(biases + i, vec_add(dy, vec_load(biases + i)));
        const vec rest = vec_fnma(n, gn_mean, vec_sub(vec_mul(dy, vec_load(weight + i)), g_mean));
        vec_store(d_in + i, residual ? vec_fma(s, rest, vec_load(residual + i)) : vec_mul(s, rest));
    }
    if (left) {
        const size_t i = whole;
        const vec dy = vec_load_part(d_out + i, left);
        const vec n = vec_mul(vec_sub(vec_load_part(in + i, left), m), s);
        vec_store_part(sums + i, vec_fma(dy, n, vec_load_part(sums + i, left)), left);
        vec_store_part(biases + i, vec_add(dy, vec_load_part(biases + i, left)), left);
        const vec w = vec_load_part(weight + i, left);
        const vec rest = vec_fnma(n, gn_mean, vec_sub(vec_mul(dy, w), g_mean));
        const vec more = residual ? vec_load_part(residual + i, left) : zero;
        vec_store_part(d_in + i, vec_fma(s, rest, more), left);
    }
}

/* ---- softmax -------------------------------------------------------------------------------- */

float VARIANT(cclip_softmax)(float *s, const float *mask, size_t count, float scale)
{
    const vec factor = vec_set(scale), lowest = vec_set(-INFINITY);
    vec top = lowest, sum = vec_set(0.0f);
    const size_t whole = count / LANES * LANES, left = count - whole;
    for (size_t j = 0; j < whole; j += LANES) {
        vec x = vec_mul(vec_load(s + j), factor);
        if (mask)
            x = vec_add(x, vec_load(mask + j));
        vec_store(s + j, x);
        top = vec_max(top, x);
    }
    if (left) {
        vec x = vec_mul(vec_load_part(s + whole, left), factor);
        if (mask)
            x = vec_add(x, vec_load_part(mask + whole, left));
        vec_store_part(s + whole, x, left);
        top = vec_max(top, vec_first(x, lowest, left));
    }
    /* Where all is -inf, any finite number makes every weight zero. */
    const float largest = vec_largest(top);
    const vec origin = vec_set(largest == -INFINITY ? 0.0f : largest);
    for (size_t j = 0; j < whole; j += LANES) {
        const vec e = exp_negative(vec_sub(vec_load(s + j), origin));
        vec_store(s + j, e);
        sum = vec_add(sum, e);
    }
    if (left) {
        const vec e = exp_negative(vec_sub(vec_load_part(s + whole, left), origin));
        vec_store_part(s + whole, e, left);
        sum = vec_add(sum, vec_first(e, vec_set(0.0f), left));
    }
    return vec_sum(sum);
}

void VARIANT(cclip_softmax_backward)(float *d, const float *p, size_t count, float scale)
{
    const size_t whole = count / LANES * LANES, left = count - whole;
    vec sum = vec_set(0.0f);
    for (size_t j = 0; j < whole; j += LANES)
        sum = vec_fma(vec_load(p + j), vec_load(d + j), sum);
    if (left)
        sum = vec_fma(vec_load_part(p + whole, left), vec_load_part(d + whole, left), sum);
    const vec all = vec_set(vec_sum(sum)), factor = vec_set(scale);
    for (size_t j = 0; j < whole; j += LANES)
        vec_store(d + j, vec_mul(vec_mul(vec_load(p + j), vec_sub(vec_load(d + j), all)), factor));
    if (left) {
        const vec slope = vec_sub(vec_load_part(d + whole, left), all);
        vec_store_part(d + whole, vec_mul(vec_mul(vec_load_part(p + whole, left), slope), factor), left);
    }
}
