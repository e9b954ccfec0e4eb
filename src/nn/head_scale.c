#include "nn/head_scale.h"

#include <math.h>

#include "base/memory.h"

static const float LARGEST_LOGIT_SCALE = 4.6051702f; /* ln 100, as the reference clamps it */

static size_t factors_of(const struct cclip_head_scale *layer)
{
    return layer->of_scores ? layer->heads : layer->heads * layer->head_width;
}

/* From values [heads], which may be the first part of the factors. */
static void make_factors(const struct cclip_head_scale *layer, float *factors, const float *values)
{
    for (size_t i = factors_of(layer); i-- > 0;)
        factors[i] = layer->of_scores ? expf(fminf(values[i], LARGEST_LOGIT_SCALE))
                                      : values[i / layer->head_width];
}

void cclip_head_scale_load(struct cclip_head_scale *layer, struct cclip_parameters *p,
                           const char *prefix, const struct cclip_head_scale *sizes)
{
    const size_t shape[3] = { sizes->heads, 1, 1 };
    const char *name = sizes->of_scores ? "logit_scale" : "head_scale";
    float *host = NULL;
    *layer = *sizes;
    if (p->training) {
        float *values;
        cclip_parameter_array(p, &values, shape, 3, "%s.%s", prefix, name);
        layer->values = values;
        return;
    }
    cclip_parameter_host(p, &host, shape, 3, 0, "%s.%s", prefix, name);
    float *factors = host ? cclip_allocate(factors_of(layer), sizeof *factors) : NULL;
    if (factors) {
        make_factors(layer, factors, host);
        cclip_parameter_keep_array(p, &layer->factors, factors, factors_of(layer));
    } else if (host) {
        p->status = CCLIP_ERROR_MEMORY;
    }
    cclip_release(factors);
    cclip_release_aligned(host);
}

const float *cclip_head_scale_factors(const struct cclip_head_scale *layer,
                                      struct cclip_forward *forward)
{
    struct cclip_device *device = forward->device;
    const size_t count = factors_of(layer);
    if (!layer->values)
        return layer->factors;
    float *out = cclip_forward_floats(forward, 1, count);
    if (!out)
        return NULL;
    float *host = cclip_allocate(count, sizeof *host);
    cclip_status status = host ? device->ops->download(device, host, layer->values,
                                                       layer->heads * sizeof *host)
                               : CCLIP_ERROR_MEMORY;
    if (!status) {
        make_factors(layer, host, host);
        status = device->ops->upload(device, out, host, count * sizeof *host);
    }
    if (status)
        cclip_device_fail(device, status);
    cclip_release(host);
    return out;
}

/* Sums of channels become sums of heads, added to what is there. */
static cclip_status add_heads(const struct cclip_head_scale *layer, struct cclip_device *device,
                              float *gradient, const float *sums)
{
    const size_t heads = layer->heads, width = layer->head_width;
    float *host = cclip_allocate(heads * (width + 2), sizeof *host);
    float *values = host, *added = host + heads, *channels = host + 2 * heads;
    if (!host)
        return CCLIP_ERROR_MEMORY;
    cclip_status status = device->ops->download(device, values, layer->values, heads * sizeof *host);
    if (!status)
        status = device->ops->download(device, added, gradient, heads * sizeof *host);
    if (!status)
        status = device->ops->download(device, channels, sums, heads * width * sizeof *host);
    for (size_t h = 0; h < heads && !status; h++) {
        double sum = 0;
        for (size_t i = 0; i < width; i++)
            sum += channels[h * width + i];
        if (!layer->of_scores || values[h] <= LARGEST_LOGIT_SCALE)
            added[h] += (float)sum;
    }
    if (!status)
        status = device->ops->upload(device, gradient, added, heads * sizeof *host);
    cclip_release(host);
    return status;
}

void cclip_head_scale_backward(const struct cclip_head_scale *layer,
                               struct cclip_backward *backward, const float *a, const float *b,
                               size_t rows)
{
    struct cclip_device *device = backward->device;
    const size_t width = layer->heads * layer->head_width;
    float *gradient = cclip_backward_gradient(backward, layer->values);
    float *sums = gradient ? cclip_backward_floats(backward, 1, width) : NULL;
    if (!sums)
        return;
    device->ops->zero(device, sums, width);
    device->ops->add_columns(device, sums, a, b, rows, width);
    const cclip_status status = cclip_backward_failed(backward)
                                    ? CCLIP_OK
                                    : add_heads(layer, device, gradient, sums);
    if (status)
        cclip_device_fail(device, status);
}
