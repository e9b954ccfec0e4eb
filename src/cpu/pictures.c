#include "cpu/pictures.h"

#include <string.h>

#include "cpu/device_state.h"

struct pictures_job {
    float *out;
    const float *in;
    size_t channels, height, width, kernel;
};

/* One piece is a row of patches of one picture. */
static cclip_status patches_body(void *context, size_t begin, size_t end, int worker)
{
    const struct pictures_job *job = context;
    const size_t p = job->kernel, rows = job->height / p, columns = job->width / p;
    const size_t length = job->channels * p * p;
    (void)worker;
    for (size_t i = begin; i < end; i++) {
        const size_t picture = i / rows, y = i % rows;
        float *out = job->out + i * columns * length;
        for (size_t c = 0; c < job->channels; c++)
            for (size_t dy = 0; dy < p; dy++) {
                const float *in = job->in + ((picture * job->channels + c) * job->height +
                                             y * p + dy) * job->width;
                for (size_t x = 0; x < columns; x++)
                    memcpy(out + x * length + (c * p + dy) * p, in + x * p, p * sizeof *out);
            }
    }
    return CCLIP_OK;
}

void cclip_cpu_patches(struct cclip_device *device, float *out, const float *pixels, size_t batch,
                       size_t channels, size_t height, size_t width, size_t patch)
{
    struct pictures_job job = { out, pixels, channels, height, width, patch };
    cclip_cpu_parallel(device, batch * (height / patch), 1, patches_body, &job);
}

/* A block of pixels of one picture at a time, so that reads and writes stay in the cache. */
enum { PIXEL_BLOCK = 256 };

static cclip_status nhwc_body(void *context, size_t begin, size_t end, int worker)
{
    const struct pictures_job *job = context;
    const size_t pixels = job->width, channels = job->channels;
    const size_t blocks = (pixels + PIXEL_BLOCK - 1) / PIXEL_BLOCK;
    (void)worker;
    for (size_t i = begin; i < end; i++) {
        const size_t picture = i / blocks, first = i % blocks * PIXEL_BLOCK;
        const size_t last = first + PIXEL_BLOCK < pixels ? first + PIXEL_BLOCK : pixels;
        for (size_t c = 0; c < channels; c++) {
            const float *in = job->in + (picture * channels + c) * pixels;
            float *out = job->out + picture * channels * pixels + c;
            for (size_t p = first; p < last; p++)
                out[p * channels] = in[p];
        }
    }
    return CCLIP_OK;
}

void cclip_cpu_nchw_to_nhwc(struct cclip_device *device, float *out, const float *in, size_t batch,
                            size_t channels, size_t pixels)
{
    struct pictures_job job = { out, in, channels, 1, pixels, 1 };
    const size_t count = batch * ((pixels + PIXEL_BLOCK - 1) / PIXEL_BLOCK);
    cclip_cpu_parallel(device, count, cclip_cpu_grain(device, count, 4), nhwc_body, &job);
}

/* One piece is an output row. Windows are added row by row, left to right. */
static cclip_status pool_body(void *context, size_t begin, size_t end, int worker)
{
    const struct pictures_job *job = context;
    const size_t k = job->kernel, channels = job->channels;
    const size_t rows = job->height / k, columns = job->width / k;
    const float factor = 1.0f / (float)(k * k);
    (void)worker;
    for (size_t i = begin; i < end; i++)
        for (size_t x = 0; x < columns; x++) {
            float *out = job->out + (i * columns + x) * channels;
            const float *window = job->in + ((i / rows * job->height + i % rows * k) * job->width +
                                             x * k) * channels;
            memcpy(out, window, channels * sizeof *out);
            for (size_t j = 1; j < k * k; j++) {
                const float *in = window + (j / k * job->width + j % k) * channels;
                for (size_t c = 0; c < channels; c++)
                    out[c] += in[c];
            }
            for (size_t c = 0; c < channels; c++)
                out[c] *= factor;
        }
    return CCLIP_OK;
}

void cclip_cpu_average_pool2d(struct cclip_device *device, float *out, const float *in,
                              size_t batch, size_t height, size_t width, size_t channels,
                              size_t kernel)
{
    struct pictures_job job = { out, in, channels, height, width, kernel };
    const size_t rows = batch * (height / kernel);
    cclip_cpu_parallel(device, rows, cclip_cpu_grain(device, rows, 1), pool_body, &job);
}

/* One piece is a row of the input: each cell gets its window's share, or zero outside of all windows. */
static cclip_status unpool_body(void *context, size_t begin, size_t end, int worker)
{
    const struct pictures_job *job = context;
    const size_t k = job->kernel, channels = job->channels;
    const size_t rows = job->height / k, columns = job->width / k;
    const float factor = 1.0f / (float)(k * k);
    (void)worker;
    for (size_t i = begin; i < end; i++) {
        const size_t picture = i / job->height, y = i % job->height / k;
        for (size_t x = 0; x < job->width; x++) {
            float *out = job->out + (i * job->width + x) * channels;
            const int inside = y < rows && x / k < columns;
            const float *in = job->in + ((picture * rows + y) * columns + x / k) * channels;
            for (size_t c = 0; c < channels; c++)
                out[c] = inside ? in[c] * factor : 0.0f;
        }
    }
    return CCLIP_OK;
}

void cclip_cpu_average_pool2d_backward(struct cclip_device *device, float *d_in, const float *d_out,
                                       size_t batch, size_t height, size_t width, size_t channels,
                                       size_t kernel)
{
    struct pictures_job job = { d_in, d_out, channels, height, width, kernel };
    const size_t rows = batch * height;
    cclip_cpu_parallel(device, rows, cclip_cpu_grain(device, rows, 1), unpool_body, &job);
}
