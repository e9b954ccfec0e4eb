/* HEIC and AVIF by libheif: the primary picture, 8 bits a channel. libheif turns the picture as the
 * file says; that is part of the format and not EXIF. */
#include "image/codec.h"

#include <string.h>

static int has_brand(const unsigned char *data, size_t size, const char *const *brands)
{
    if (size < 16 || memcmp(data + 4, "ftyp", 4) != 0)
        return 0;
    size_t end = (size_t)data[0] << 24 | (size_t)data[1] << 16 | (size_t)data[2] << 8 | data[3];
    if (end > size)
        end = size;
    for (size_t at = 8; at + 4 <= end && at < 256; at += 4)
        for (const char *const *brand = brands; *brand; brand++)
            if (at != 12 && !memcmp(data + at, *brand, 4))
                return 1;
    return 0;
}

int cclip_avif_matches(const unsigned char *data, size_t size)
{
    static const char *const brands[] = { "avif", "avis", NULL };
    return has_brand(data, size, brands);
}

int cclip_heif_matches(const unsigned char *data, size_t size)
{
    static const char *const brands[] = { "heic", "heix", "heim", "heis", "hevc",
                                          "hevx", "mif1", "msf1", NULL };
    return has_brand(data, size, brands);
}

#if CCLIP_WITH_HEIF
#include <libheif/heif.h>

static cclip_status refuse(const struct cclip_picture_source *source, struct heif_error error)
{
    if (error.code == heif_error_Memory_allocation_error &&
        error.subcode != heif_suberror_Security_limit_exceeded)
        return cclip_fail(CCLIP_ERROR_MEMORY, "%s: out of memory in libheif", source->name);
    return cclip_fail(error.code == heif_error_Unsupported_filetype ||
                              error.code == heif_error_Unsupported_feature
                          ? CCLIP_ERROR_UNSUPPORTED
                          : CCLIP_ERROR_FORMAT,
                      "%s: HEIF: %s", source->name, error.message ? error.message : "damaged");
}

static cclip_status copy_rows(struct cclip_picture *out, const struct cclip_picture_source *source,
                              const struct heif_image *image)
{
    int stride = 0;
    const uint8_t *plane = heif_image_get_plane_readonly(image, heif_channel_interleaved, &stride);
    const int width = heif_image_get_width(image, heif_channel_interleaved);
    const int height = heif_image_get_height(image, heif_channel_interleaved);
    if (!plane || width < 1 || height < 1 || (size_t)width != out->width ||
        (size_t)height != out->height)
        return cclip_fail(CCLIP_ERROR_FORMAT, "%s: HEIF: the header says %zu x %zu pixels, the data %d x %d",
                          source->name, out->width, out->height, width, height);
    for (size_t y = 0; y < out->height; y++)
        memcpy(out->pixels + y * out->stride, plane + y * (size_t)stride, out->stride);
    return CCLIP_OK;
}

static cclip_status decode(struct cclip_picture *out, const struct cclip_picture_source *source,
                           struct heif_context *context, struct heif_image_handle **handle,
                           struct heif_image **image)
{
    const size_t side = source->limits.side;
    heif_context_set_maximum_image_size_limit(context, side < 65535 ? (int)side : 65535);
    struct heif_error error =
        heif_context_read_from_memory_without_copy(context, source->data, source->size, NULL);
    if (!error.code)
        error = heif_context_get_primary_image_handle(context, handle);
    if (error.code)
        return refuse(source, error);
    const int alpha = heif_image_handle_has_alpha_channel(*handle);
    const int width = heif_image_handle_get_width(*handle), height = heif_image_handle_get_height(*handle);
    const cclip_status status =
        cclip_picture_begin(out, source, alpha ? CCLIP_MODE_RGBA : CCLIP_MODE_RGB,
                            width > 0 ? (uint64_t)width : 0, height > 0 ? (uint64_t)height : 0);
    if (status)
        return status;
    error = heif_decode_image(*handle, image, heif_colorspace_RGB,
                              alpha ? heif_chroma_interleaved_RGBA : heif_chroma_interleaved_RGB, NULL);
    return error.code ? refuse(source, error) : copy_rows(out, source, *image);
}

cclip_status cclip_heif_decode(struct cclip_picture *out, const struct cclip_picture_source *source)
{
    struct heif_image_handle *handle = NULL;
    struct heif_image *image = NULL;
    struct heif_context *context = heif_context_alloc();
    if (!context)
        return cclip_fail(CCLIP_ERROR_MEMORY, "%s: out of memory in libheif", source->name);
    const cclip_status status = decode(out, source, context, &handle, &image);
    if (image)
        heif_image_release(image);
    if (handle)
        heif_image_handle_release(handle);
    heif_context_free(context);
    return status;
}
#endif
