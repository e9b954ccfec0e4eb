/* What a device can do.
 *
 * A layer calls these operations and knows nothing of instruction sets, threads or where memory
 * lies. A device is a table of functions; the CPU's is in cpu/, another device is another room.
 *
 * Conventions: activations are float32, row-major, in device memory. `rows` counts tokens of all
 * sequences of a batch, packed one after the other without padding. Pictures inside a network are
 * NHWC (channels last). Outputs come first.
 *
 * Every sum over a reduction dimension is done in one fixed order, whatever the batch, the thread
 * count or the position in the batch: the same input gives the same bits.
 *
 * Errors are sticky, as on an asynchronous device: an operation that fails records it in the
 * device, later operations do nothing, and cclip_device_finish reports it once. */
#ifndef CCLIP_TENSOR_BACKEND_H
#define CCLIP_TENSOR_BACKEND_H

#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/status.h"
#include "tensor/tensor.h"

struct cclip_device;

enum cclip_activation {
    CCLIP_ACTIVATION_NONE,
    CCLIP_ACTIVATION_RELU,
    CCLIP_ACTIVATION_GELU,       /* exact: x * Phi(x), by erf */
    CCLIP_ACTIVATION_GELU_TANH,  /* the tanh approximation */
    CCLIP_ACTIVATION_QUICK_GELU, /* x * sigmoid(1.702 x) */
    CCLIP_ACTIVATIONS
};

/* What happens to a product before it is stored, in this order; absent parts are NULL or 0:
 *   y = x + bias;  y = activation(y);  y = y * scale;  y = y + residual;  y = max(y, 0) */
struct cclip_epilogue {
    const float *bias;     /* [columns] */
    enum cclip_activation activation;
    const float *scale;    /* [columns]: LayerScale */
    const float *residual; /* [rows, columns], rows as far apart as the output's; may be the output */
    int relu_last;         /* a residual network's ReLU after the addition */
};

/* A weight matrix in the form the device's product wants: packed, perhaps of lower precision.
 * Made once at load, immutable, shared by sessions. */
struct cclip_matrix {
    size_t columns; /* output features */
    size_t depth;   /* input features: the length of the sum */
    size_t bytes;
    void *prepared; /* the device's own */
    /* In training the values change with every step: `prepared` is NULL, and the product takes them
     * from device memory, element (column, k) at values[column * column_stride + k * depth_stride]. */
    const float *values;
    size_t column_stride, depth_stride;
};

/* W^T of a matrix that has values: what carries a gradient back through a product. */
static inline struct cclip_matrix cclip_matrix_transposed(const struct cclip_matrix *matrix)
{
    return (struct cclip_matrix){ .columns = matrix->depth,
                                  .depth = matrix->columns,
                                  .values = matrix->values,
                                  .column_stride = matrix->depth_stride,
                                  .depth_stride = matrix->column_stride };
}

/* Convolution over NHWC pictures; zero padding. Weight matrices are [out, kernel * kernel * in]. */
struct cclip_conv2d {
    size_t batch, height, width, channels; /* input */
    size_t kernel, stride, padding;
};
static inline size_t cclip_conv2d_out(size_t side, const struct cclip_conv2d *conv)
{
    return (side + 2 * conv->padding - conv->kernel) / conv->stride + 1;
}

/* Scaled dot-product attention over packed sequences, one softmax a query and head:
 *   out = softmax(scale * q k^T + mask) v
 * Sequence s has queries [q_offsets[s], q_offsets[s+1]) and keys [k_offsets[s], k_offsets[s+1]). */
struct cclip_attention {
    float *out;
    const float *q, *k, *v;
    size_t out_stride, q_stride, k_stride, v_stride; /* floats from one row to the next */
    size_t heads, head_width;
    size_t sequences;
    const size_t *q_offsets, *k_offsets; /* host memory, sequences + 1 each; equal for self-attention */
    float scale;
    const float *head_scale; /* [heads] multiplies `scale`, or NULL */
    int causal;              /* key j visible to query i only if j <= i (both from their sequence's start) */
    const float *mask;       /* additive [all queries, mask_stride], key index within the sequence, or NULL */
    size_t mask_stride;
};

/* Gradients of an attention: d_q, d_k and d_v are written (not added to), rows as far apart as given.
 * `forward` is the call whose gradient it is; its `out` is not read. */
struct cclip_attention_gradient {
    const struct cclip_attention *forward;
    const float *d_out;
    float *d_q, *d_k, *d_v;
    size_t d_out_stride, d_q_stride, d_k_stride, d_v_stride;
};

/* Gradients of a batch norm, out = (in - mean) rstd weight + bias, plus a residual and ReLU perhaps. */
struct cclip_batch_norm_gradient {
    float *d_in;               /* written; may be d_out */
    float *d_weight, *d_bias;  /* added to, or NULL */
    float *d_residual;         /* with a residual and ReLU: written; may be d_out */
    const float *d_out, *in;
    const float *out;          /* the forward's, read with d_residual alone */
    const float *mean, *rstd, *weight, *bias; /* the forward's */
    int relu, of_batch;
    size_t rows, channels;
};

struct cclip_backend {
    const char *name;

    /* Memory for weights and other long-lived things; `upload` copies from the host. */
    cclip_status (*allocate)(struct cclip_device *, void **out, size_t bytes);
    void (*release)(struct cclip_device *, void *pointer);
    cclip_status (*upload)(struct cclip_device *, void *device, const void *host, size_t bytes);
    cclip_status (*download)(struct cclip_device *, void *host, const void *device, size_t bytes);

    /* Packs a weight [columns, depth] (host memory, element strides given, so a transposed weight
     * needs no copy). Frees with matrix_release. */
    cclip_status (*matrix_prepare)(struct cclip_device *, struct cclip_matrix *out,
                                   const float *weight, size_t columns, size_t depth,
                                   size_t column_stride, size_t depth_stride);
    void (*matrix_release)(struct cclip_device *, struct cclip_matrix *);

    /* out[rows, columns] = epilogue(in[rows, depth] * matrix^T); rows may be strided. */
    void (*linear)(struct cclip_device *, float *out, size_t out_stride, const float *in,
                   size_t in_stride, size_t rows, const struct cclip_matrix *,
                   const struct cclip_epilogue *);
    /* out [batch, out_h, out_w, columns] */
    void (*conv2d)(struct cclip_device *, float *out, const float *in, const struct cclip_conv2d *,
                   const struct cclip_matrix *, const struct cclip_epilogue *);
    void (*attention)(struct cclip_device *, const struct cclip_attention *);

    /* mean and rstd are [rows] or NULL (kept for the backward pass). bias may be NULL. */
    void (*layer_norm)(struct cclip_device *, float *out, size_t out_stride, float *mean, float *rstd,
                       const float *in, size_t in_stride, const float *weight, const float *bias,
                       size_t rows, size_t channels, float epsilon);
    void (*activation)(struct cclip_device *, float *out, const float *in, size_t count,
                       enum cclip_activation);

    /* out[i] = table[ids[i]] + positions[i's place in its sequence]; positions may be NULL. */
    void (*embedding)(struct cclip_device *, float *out, const int32_t *ids, const float *table,
                      const float *positions, const size_t *offsets, size_t sequences, size_t width);
    /* Cuts NCHW pictures into patches: out[(n, y, x), c * p * p + dy * p + dx], the order of a
     * convolution weight [width, c, p, p]; `p` = patch side, no overlap, remainder dropped. */
    void (*patches)(struct cclip_device *, float *out, const float *pixels, size_t batch,
                    size_t channels, size_t height, size_t width, size_t patch);
    void (*nchw_to_nhwc)(struct cclip_device *, float *out, const float *in, size_t batch,
                         size_t channels, size_t pixels);
    /* Square windows of `kernel`, stride `kernel`, no padding, remainder dropped. NHWC. */
    void (*average_pool2d)(struct cclip_device *, float *out, const float *in, size_t batch,
                           size_t height, size_t width, size_t channels, size_t kernel);

    /* Rows. `index` is host memory. */
    void (*gather_rows)(struct cclip_device *, float *out, const float *in, size_t in_stride,
                        const size_t *index, size_t rows, size_t width);
    /* out[i] = mean of rows [begin[i], end[i]) of `in`. */
    void (*mean_rows)(struct cclip_device *, float *out, const float *in, size_t in_stride,
                      const size_t *begin, const size_t *end, size_t count, size_t width);
    /* out[r] = in[r] + addend[r % period]; out may be in. addend NULL: a copy. */
    void (*add_rows)(struct cclip_device *, float *out, const float *in, const float *addend,
                     size_t rows, size_t period, size_t width);
    /* out[r][c] = in[r][c] * scale[c]; out may be in. */
    void (*scale_columns)(struct cclip_device *, float *out, const float *in, const float *scale,
                          size_t rows, size_t width);
    /* Each row (strided) divided by max(its L2 norm, epsilon); out may be in. */
    void (*normalize_rows)(struct cclip_device *, float *out, size_t out_stride, const float *in,
                           size_t in_stride, size_t rows, size_t width, float epsilon);

    /* ---- for the backward pass. A gradient of a parameter is added to what is there. ---- */

    void (*zero)(struct cclip_device *, float *out, size_t count);

    /* out[i][j] += sum over r of a[r][i] * b[r][j]: a weight's gradient. `anew`: = instead of +=. */
    void (*add_product)(struct cclip_device *, float *out, size_t out_stride, const float *a,
                        size_t a_stride, size_t a_width, const float *b, size_t b_stride,
                        size_t b_width, size_t rows, int anew);
    /* out[j] += sum over r of a[r][j] * b[r][j]; b NULL: of a[r][j]. Rows are contiguous. */
    void (*add_columns)(struct cclip_device *, float *out, const float *a, const float *b,
                        size_t rows, size_t width);
    /* out[index[r]] += in[r], in the order of r: the transpose of gather_rows. */
    void (*scatter_rows)(struct cclip_device *, float *out, size_t out_stride, const float *in,
                         const size_t *index, size_t rows, size_t width);
    /* out[r] += in[i] / (end[i] - begin[i]) for r in [begin[i], end[i]): the transpose of mean_rows. */
    void (*spread_rows)(struct cclip_device *, float *out, size_t out_stride, const float *in,
                        const size_t *begin, const size_t *end, size_t count, size_t width);
    /* d_in may be d_out or in; `in` is the norm's input. */
    void (*normalize_rows_backward)(struct cclip_device *, float *d_in, const float *d_out,
                                    const float *in, size_t rows, size_t width, float epsilon);
    void (*attention_backward)(struct cclip_device *, const struct cclip_attention_gradient *);
    /* d_in = the gradient (d_in may be d_out) plus, unless NULL, residual (may be d_in). mean and rstd are
     * the forward's. d_weight and d_bias are added to, or NULL. Rows are contiguous. */
    void (*layer_norm_backward)(struct cclip_device *, float *d_in, float *d_weight, float *d_bias,
                                const float *d_out, const float *in, const float *mean,
                                const float *rstd, const float *weight, const float *residual,
                                size_t rows, size_t channels);
    /* d_in = d_out * activation'(in); d_in may be d_out. out, if not NULL, activation(in); may be in. */
    void (*activation_backward)(struct cclip_device *, float *d_in, float *out, const float *d_out,
                                const float *in, size_t count, enum cclip_activation);

    /* Batch norm, epsilon 1e-5. mean and rstd [channels] are written: of_batch, from the rows themselves,
     * and the running statistics, unless NULL, move by a tenth towards them (the variance unbiased);
     * else from the running statistics. With the device's `exchange` the rows are those of all ranks,
     * which make the same calls; so are the means that the gradient subtracts. d_weight and d_bias are of
     * a rank's own rows. */
    void (*batch_norm_statistics)(struct cclip_device *, float *mean, float *rstd,
                                  float *running_mean, float *running_variance, const float *in,
                                  size_t rows, size_t channels, int of_batch);
    /* out = (in - mean) rstd weight + bias, plus residual unless NULL, then ReLU if asked. */
    void (*batch_norm)(struct cclip_device *, float *out, const float *in, const float *mean,
                       const float *rstd, const float *weight, const float *bias,
                       const float *residual, int relu, size_t rows, size_t channels);
    void (*batch_norm_backward)(struct cclip_device *, const struct cclip_batch_norm_gradient *);
    /* d_kernel [columns, kernel * kernel * channels] += sum over places of d_out (x) window of `in`. */
    void (*conv2d_backward)(struct cclip_device *, float *d_kernel, const float *d_out,
                            const float *in, const struct cclip_conv2d *, size_t columns);
    /* d_in is written; what the windows did not cover is zero. */
    void (*average_pool2d_backward)(struct cclip_device *, float *d_in, const float *d_out,
                                    size_t batch, size_t height, size_t width, size_t channels,
                                    size_t kernel);
};

struct cclip_thread_pool;

/* The other processes of a run, for batch norms whose statistics are those of all their rows together. */
struct cclip_statistics_exchange {
    size_t ranks;
    /* all [ranks, count], in the order of the ranks, of what each of them gives in the same call; host memory */
    cclip_status (*gather)(void *user, double *all, const double *own, size_t count);
    void *user;
};

/* A device as one session uses it: one thread at a time. */
struct cclip_device {
    const struct cclip_backend *ops;
    struct cclip_thread_pool *pool; /* may be NULL: one thread */
    const struct cclip_statistics_exchange *exchange; /* NULL: batch norms go by their own rows */
    struct cclip_failure failure;   /* sticky */
    enum cclip_dtype compute; /* what linear, conv2d and add_product round their operands to: CCLIP_F32
                               * (nothing is lost) or CCLIP_BF16; sums are float32. Prepared matrices keep
                               * their own form */
    void *state;                    /* the backend's own (per-worker scratch) */
};

/* Records a failure unless there is one; operations call it with their own status. */
void cclip_device_fail(struct cclip_device *device, cclip_status status);
/* Waits for everything queued; raises and clears the recorded failure. */
cclip_status cclip_device_finish(struct cclip_device *device);

#endif
