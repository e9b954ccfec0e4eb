#include "nn/conv_norm.h"

#include <math.h>

#include "base/memory.h"

static const double BATCH_NORM_EPSILON = 1e-5;

/* The parts of a batch norm, in the order of BATCH_NORM_NAMES. */
enum { WEIGHT, BIAS, MEAN, VARIANCE, PARTS };
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
    forward->device->ops->conv2d(forward->device, out, in, &conv, &layer->weight, &epilogue);
    *height = cclip_conv2d_out(*height, &conv);
    *width = cclip_conv2d_out(*width, &conv);
}
