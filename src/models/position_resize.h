/* Position embeddings for another picture size or context length than the checkpoint's. */
#ifndef CCLIP_MODELS_POSITION_RESIZE_H
#define CCLIP_MODELS_POSITION_RESIZE_H

#include <stddef.h>
#include "base/status.h"

/* A square grid of `stored_rows - extra` positions becomes `height` x `width`; the `extra` leading
 * rows (class token) are kept. Bicubic (a = -0.5) with antialiasing, pixel centres, as
 * torch.nn.functional.interpolate(mode="bicubic", antialias=True, align_corners=False).
 * out [extra + height * width, channels]. */
cclip_status cclip_resize_grid_positions(float *out, size_t height, size_t width,
                                         const float *stored, size_t stored_rows, size_t extra,
                                         size_t channels);

/* `stored_rows` positions become `rows`: linear, no antialiasing, align_corners=False. */
void cclip_resize_line_positions(float *out, size_t rows, const float *stored, size_t stored_rows,
                                 size_t channels);

#endif
