#include "report/thumbnail.h"

#include <cclip/image.h>
#include "image/write_picture.h"

enum { JPEG_QUALITY = 85 };

/* Replaces *picture by what `change` makes of it. */
static cclip_status replace(struct cclip_picture *picture,
                            cclip_status (*change)(struct cclip_picture *,
                                                   const struct cclip_picture *))
{
    struct cclip_picture changed = { 0 };
    const cclip_status status = change(&changed, picture);
    cclip_picture_close(picture);
    *picture = changed;
    return status;
}

static size_t scaled(size_t side, double ratio, size_t most)
{
    const size_t result = (size_t)((double)side * ratio + 0.5);
    return result < 1 ? 1 : result > most ? most : result;
}

static cclip_status fit(struct cclip_picture *picture, const struct cclip_thumbnail_size *size)
{
    const double across = (double)size->width / (double)picture->width;
    const double down = (double)size->height / (double)picture->height;
    const double ratio = across < down ? across : down;
    struct cclip_picture small = { 0 };
    if (ratio >= 1 && !size->enlarge)
        return CCLIP_OK;
    const cclip_status status = cclip_picture_resize(&small, picture,
                                                     scaled(picture->width, ratio, size->width),
                                                     scaled(picture->height, ratio, size->height),
                                                     CCLIP_BICUBIC);
    cclip_picture_close(picture);
    *picture = small;
    return status;
}

cclip_status cclip_thumbnail_read(struct cclip_picture *out, const char *path,
                                  const struct cclip_thumbnail_size *size)
{
    struct cclip_picture_limits limits;
    cclip_picture_limits_init(&limits);
    limits.read_orientation = 1;
    const cclip_status status = cclip_picture_read(out, path, &limits);
    return status ? status : cclip_thumbnail_make(out, size);
}

cclip_status cclip_thumbnail_make(struct cclip_picture *picture, const struct cclip_thumbnail_size *size)
{
    cclip_status status = replace(picture, cclip_picture_has_alpha(picture) ? cclip_picture_convert_rgba
                                                                            : cclip_picture_convert_rgb);
    const int orientation = picture->orientation;
    if (!status)
        status = fit(picture, orientation >= 5 ? &(struct cclip_thumbnail_size){ size->height, size->width,
                                                                                size->enlarge }
                                               : size);
    picture->orientation = orientation;
    if (!status && orientation > 1)
        status = replace(picture, cclip_picture_orient);
    if (status)
        cclip_picture_close(picture);
    return status;
}

cclip_status cclip_thumbnail_encode(struct cclip_buffer *out, const struct cclip_picture *thumbnail,
                                    const char **type)
{
    const int alpha = thumbnail->mode == CCLIP_MODE_RGBA;
    const struct cclip_pixels pixels = { thumbnail->pixels, thumbnail->width, thumbnail->height,
                                         thumbnail->stride, alpha ? 4 : 3 };
    *type = alpha ? "image/png" : "image/jpeg";
    return alpha ? cclip_png_write(out, &pixels) : cclip_jpeg_write(out, &pixels, JPEG_QUALITY);
}
