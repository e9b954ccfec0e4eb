/* Parts of the convolutions that several files share. */
#ifndef CCLIP_CPU_CONV2D_H
#define CCLIP_CPU_CONV2D_H

#include "tensor/backend.h"

/* Elements [begin, begin + count) of window number `window` of the whole batch; what lies outside of its picture
 * is zero. */
void cclip_conv2d_copy_window(const struct cclip_conv2d *conv, const float *in, size_t window,
                              float *out, size_t begin, size_t count);

/* Of a convolution with stride 1 that keeps the size: lines [first, first + lines) of the picture, framed by zeros
 * `padding` wide, as [lines + 2 * padding, width + 2 * padding, channels]. */
void cclip_conv2d_frame(float *out, const struct cclip_conv2d *conv, const float *picture,
                        size_t first, size_t lines);
static inline int cclip_conv2d_keeps_size(const struct cclip_conv2d *conv)
{
    return conv->stride == 1 && 2 * conv->padding + 1 == conv->kernel;
}

/* The convolution if it is of a kind that goes faster line by line (conv2d_lines.c); else 0. */
int cclip_conv2d_by_lines(struct cclip_device *device, float *out, const float *in,
                          const struct cclip_conv2d *conv, const struct cclip_matrix *matrix,
                          const struct cclip_epilogue *epilogue);

#endif
