#include "nn/conv_norm.h"

#include <math.h>

#include "base/memory.h"

static const double BATCH_NORM_EPSILON = 1e-5;

/* The parts of a batch norm, in the order of BATCH_NORM_NAMES. */
enum { WEIGHT, BIAS, MEAN, VARIANCE, PARTS }; /* of `norm` too */
static const char *const BATCH_NORM_NAMES[PARTS] = { "weight", "bias", "running_mean",
                                                     "running_var" };

/* y = (conv(x) - mean) * s + bias with s = weight / sqrt(variance + epsilon): the kernel takes s, the
 * rest becomes a bias. [out, in, k, k] turns into [out, k, k, in], the order of NHWC rows. */
static void fold(float *folded, float *folded_bias, const float *kernel, float *const norm[PARTS],
                 const struct cclip_conv_norm *layer)
{
    const size_t in = layer->in, area = layer->kernel * layer->kernel;
    for (size_t o = 0; o < layer->out; o++) {
        const double s = norm[WEIGHT][o] / sqrt((double)norm[VARIANCE][o] + BATCH_NORM_EPSILON);
        folded_bias[o] = (float)(norm[BIAS][o] - norm[MEAN][o] * s);
        for (size_t c = 0; c < in; c++)
            for (size_t a = 0; a < area; a++)
                folded[(o * area + a) * in + c] = (float)(kernel[(o * in + c) * area + a] * s);
    }
}

void cclip_conv_norm_load(struct cclip_conv_norm *layer, struct cclip_parameters *p,
                          const char *conv, const char *norm, size_t in, size_t out, size_t kernel,
                          size_t stride)
{
    *layer = (struct cclip_conv_norm){ .in = in, .out = out, .kernel = kernel, .stride = stride };
    const size_t shape[4] = { out, in, kernel, kernel }, depth = kernel * kernel * in;
    if (p->training) {
        cclip_parameter_array(p, &layer->values, shape, 4, "%s.weight", conv);
        for (int i = 0; i < PARTS; i++)
            (i >= MEAN ? cclip_parameter_buffer : cclip_parameter_vector)(
                p, &layer->norm[i], out, "%s.%s", norm, BATCH_NORM_NAMES[i]);
        return;
    }
    float *weight = NULL, *parts[PARTS] = { NULL };
    cclip_parameter_host(p, &weight, shape, 4, 0, "%s.weight", conv);
    for (int i = 0; i < PARTS; i++)
        cclip_parameter_host(p, &parts[i], &out, 1, i >= MEAN, "%s.%s", norm, BATCH_NORM_NAMES[i]);
    if (!p->status && p->device) {
        float *folded = cclip_allocate(out * depth, sizeof *folded);
        float *bias = cclip_allocate(out, sizeof *bias);
        if (folded && bias) {
            fold(folded, bias, weight, parts, layer);
            cclip_parameter_keep_matrix(p, &layer->weight, folded, out, depth, depth, 1);
            cclip_parameter_keep_array(p, &layer->bias, bias, out);
        } else {
            p->status = CCLIP_ERROR_MEMORY;
        }
        cclip_release(folded);
        cclip_release(bias);
    }
    cclip_release_aligned(weight);
    for (int i = 0; i < PARTS; i++)
        cclip_release_aligned(parts[i]);
}

struct kept {
    struct cclip_conv2d conv;
    const float *in, *product, *out; /* the input, the convolution's output, the norm's */
    float *mean, *rstd;              /* [out] */
    size_t rows;                     /* of the output */
    int relu, residual, of_batch;
};

/* The kernel in the order of NHWC rows, [out, k * k * in]. */
static struct cclip_matrix kernel_rows(const struct cclip_conv_norm *layer,
                                       struct cclip_device *device, float *memory)
{
    const size_t area = layer->kernel * layer->kernel;
    if (memory)
        device->ops->nchw_to_nhwc(device, memory, layer->values, layer->out, layer->in, area);
    return (struct cclip_matrix){ .columns = layer->out,
                                  .depth = area * layer->in,
                                  .values = memory,
                                  .column_stride = area * layer->in,
                                  .depth_stride = 1 };
}

/* Convolution and norm apart: the statistics may be the batch's. */
static void forward_apart(const struct cclip_conv_norm *layer, struct cclip_forward *forward,
                          float *out, const float *in, const struct cclip_conv2d *conv,
                          const struct cclip_epilogue *extra)
{
    struct cclip_device *device = forward->device;
    const size_t rows = conv->batch * cclip_conv2d_out(conv->height, conv) *
                        cclip_conv2d_out(conv->width, conv);
    const size_t channels = layer->out;
    const int move = forward->batch_statistics && !forward->leave_running;
    const struct cclip_arena_mark mark = cclip_arena_mark(forward->arena);
    float *memory = cclip_forward_floats(forward, channels, layer->kernel * layer->kernel * layer->in);
    const struct cclip_matrix kernel = kernel_rows(layer, device, memory);
    float *product = cclip_forward_floats(forward, rows, channels);
    const struct kept kept = {
        .conv = *conv, .in = in, .product = product, .out = out,
        .mean = cclip_forward_floats(forward, channels, 1),
        .rstd = cclip_forward_floats(forward, channels, 1), .rows = rows,
        .relu = extra && (extra->activation == CCLIP_ACTIVATION_RELU || extra->relu_last),
        .residual = extra && extra->residual, .of_batch = forward->batch_statistics,
    };
    if (cclip_forward_failed(forward))
        return;
    device->ops->conv2d(device, product, in, conv, &kernel, NULL);
    float *const *running = move || !kept.of_batch ? layer->norm : (float *const[PARTS]){ NULL };
    device->ops->batch_norm_statistics(device, kept.mean, kept.rstd, running[MEAN],
                                       running[VARIANCE], product, rows, channels, kept.of_batch);
    device->ops->batch_norm(device, out, product, kept.mean, kept.rstd, layer->norm[WEIGHT],
                            layer->norm[BIAS], extra ? extra->residual : NULL, kept.relu, rows,
                            channels);
    cclip_tape_push(forward, layer, &kept, sizeof kept);
    if (!forward->tape)
        cclip_arena_rewind(forward->arena, mark);
}

void cclip_conv_norm_forward(const struct cclip_conv_norm *layer, struct cclip_forward *forward,
                             float *out, const float *in, size_t batch, size_t *height,
                             size_t *width, const struct cclip_epilogue *extra)
{
    const struct cclip_conv2d conv = {
        .batch = batch,
        .height = *height,
        .width = *width,
        .channels = layer->in,
        .kernel = layer->kernel,
        .stride = layer->stride,
        .padding = layer->kernel / 2,
    };
    struct cclip_epilogue epilogue = extra ? *extra : (struct cclip_epilogue){ 0 };
    epilogue.bias = layer->bias;
    if (layer->values)
        forward_apart(layer, forward, out, in, &conv, extra);
    else
        forward->device->ops->conv2d(forward->device, out, in, &conv, &layer->weight, &epilogue);
    *height = cclip_conv2d_out(*height, &conv);
    *width = cclip_conv2d_out(*width, &conv);
}

/* dK += sum over windows of d product (x) window, then back to [out, in, k, k]. */
static void kernel_backward(const struct cclip_conv_norm *layer, struct cclip_backward *backward,
                            const struct kept *kept, const float *d_product)
{
    struct cclip_device *device = backward->device;
    const size_t area = layer->kernel * layer->kernel, depth = area * layer->in, out = layer->out;
    float *d_values = cclip_backward_gradient(backward, layer->values);
    float *d_kernel = cclip_backward_floats(backward, out, depth);
    float *turned = cclip_backward_floats(backward, out, depth);
    if (!d_values || cclip_backward_failed(backward))
        return;
    device->ops->zero(device, d_kernel, out * depth);
    device->ops->conv2d_backward(device, d_kernel, d_product, kept->in, &kept->conv, out);
    device->ops->nchw_to_nhwc(device, turned, d_kernel, out, area, layer->in);
    device->ops->add_rows(device, d_values, d_values, turned, 1, 1, out * depth);
}

/* dx of a convolution of stride 1 is one too, with the kernel turned round: [in, k * k * out], its places
 * in the opposite order. */
static void input_backward(const struct cclip_conv_norm *layer, struct cclip_backward *backward,
                           const struct kept *kept, const float *d_product, float *d_in,
                           const float *plus)
{
    struct cclip_device *device = backward->device;
    const size_t area = layer->kernel * layer->kernel, places = layer->in * area;
    struct cclip_conv2d conv = kept->conv;
    const struct cclip_epilogue epilogue = { .residual = plus };
    float *by_place = cclip_backward_floats(backward, places, layer->out);
    float *turned = cclip_backward_floats(backward, places, layer->out);
    size_t *index = cclip_backward_indices(backward, places);
    if (layer->stride != 1)
        cclip_device_fail(device, cclip_fail(CCLIP_ERROR_UNSUPPORTED,
                                             "no gradient goes through a strided convolution"));
    if (cclip_backward_failed(backward))
        return;
    for (size_t i = 0; i < places; i++)
        index[i] = i / area * area + (area - 1 - i % area);
    device->ops->nchw_to_nhwc(device, by_place, layer->values, 1, layer->out, places);
    device->ops->gather_rows(device, turned, by_place, layer->out, index, places, layer->out);
    const struct cclip_matrix matrix = { .columns = layer->in, .depth = area * layer->out,
                                         .values = turned, .column_stride = area * layer->out,
                                         .depth_stride = 1 };
    conv.channels = layer->out;
    device->ops->conv2d(device, d_in, d_product, &conv, &matrix, plus ? &epilogue : NULL);
}

/* All but dx. Returns the gradient of the convolution's output. */
static float *norm_and_kernel_backward(const struct cclip_conv_norm *layer,
                                       struct cclip_backward *backward, struct kept *kept,
                                       float *d_out)
{
    cclip_tape_pop(backward, layer, kept, sizeof *kept);
    float *d_product = cclip_backward_floats(backward, kept->rows, layer->out);
    const struct cclip_batch_norm_gradient gradient = {
        .d_in = d_product,
        .d_weight = cclip_backward_gradient(backward, layer->norm[WEIGHT]),
        .d_bias = cclip_backward_gradient(backward, layer->norm[BIAS]),
        .d_residual = kept->residual ? d_out : NULL,
        .d_out = d_out, .in = kept->product, .out = kept->out, .mean = kept->mean,
        .rstd = kept->rstd, .weight = layer->norm[WEIGHT], .bias = layer->norm[BIAS],
        .relu = kept->relu, .of_batch = kept->of_batch, .rows = kept->rows, .channels = layer->out,
    };
    if (!cclip_backward_failed(backward))
        backward->device->ops->batch_norm_backward(backward->device, &gradient);
    kernel_backward(layer, backward, kept, d_product);
    return d_product;
}

struct cclip_conv_norm_input cclip_conv_norm_backward(const struct cclip_conv_norm *layer,
                                                      struct cclip_backward *backward, float *d_out,
                                                      int want_input)
{
    struct kept kept;
    const float *d_product = norm_and_kernel_backward(layer, backward, &kept, d_out);
    const struct cclip_conv2d *conv = &kept.conv;
    struct cclip_conv_norm_input in = { NULL, conv->batch, conv->height, conv->width };
    if (!want_input)
        return in;
    in.gradient = cclip_backward_floats(backward, in.batch * in.height * in.width, layer->in);
    input_backward(layer, backward, &kept, d_product, in.gradient, NULL);
    return in;
}

void cclip_conv_norm_backward_add(const struct cclip_conv_norm *layer,
                                  struct cclip_backward *backward, float *d_out, float *d_in,
                                  const float *plus)
{
    struct kept kept;
    const float *d_product = norm_and_kernel_backward(layer, backward, &kept, d_out);
    input_backward(layer, backward, &kept, d_product, d_in, plus);
}
