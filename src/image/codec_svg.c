/* SVG by librsvg: drawn so that the longer side has limits.vector_side pixels, on nothing (mode RGBA).
 * A drawing has no pixels of its own, so its written size gives the proportions only. Files that it
 * refers to are not read. */
#include "image/codec.h"

#include <math.h>
#include <string.h>

static int begins(const unsigned char *at, size_t left, const char *text)
{
    const size_t length = strlen(text);
    return left >= length && !memcmp(at, text, length);
}

int cclip_svg_matches(const unsigned char *data, size_t size)
{
    enum { SEARCHED = 4096 };
    size_t at = begins(data, size, "\xef\xbb\xbf") ? 3 : 0;
    while (at < size && strchr(" \t\r\n", data[at]) && data[at])
        at++;
    if (at >= size || data[at] != '<')
        return 0;
    for (size_t end = at + SEARCHED; at < size && at < end; at++)
        if (begins(data + at, size - at, "<svg") || begins(data + at, size - at, ":svg"))
            return 1;
    return 0;
}

#if CCLIP_WITH_RSVG
#include <cairo.h>
#include <librsvg/rsvg.h>

static cclip_status refuse(const struct cclip_picture_source *source, GError *error)
{
    char message[256] = "cannot be drawn";
    if (error) {
        size_t length = 0;
        for (const char *at = error->message; *at && length + 1 < sizeof message; at++)
            message[length++] = *at == '\n' ? ' ' : *at;
        while (length && message[length - 1] == ' ')
            length--;
        message[length] = '\0';
        g_error_free(error);
    }
    return cclip_fail(CCLIP_ERROR_FORMAT, "%s: SVG: %s", source->name, message);
}

/* Width over height. */
static double proportion(RsvgHandle *handle)
{
    gboolean has_width = 0, has_height = 0, has_box = 0;
    RsvgLength width = { 0 }, height = { 0 };
    RsvgRectangle box = { 0 };
    rsvg_handle_get_intrinsic_dimensions(handle, &has_width, &width, &has_height, &height, &has_box,
                                         &box);
    double ratio = 1;
    if (has_width && has_height && width.unit == height.unit && width.unit != RSVG_UNIT_PERCENT)
        ratio = width.length / height.length;
    else if (has_box)
        ratio = box.width / box.height;
    return isfinite(ratio) && ratio > 0 ? ratio : 1;
}

/* Cairo's pixels are native 32-bit numbers, alpha first, with the alpha multiplied in. */
static void take_pixels(struct cclip_picture *out, cairo_surface_t *surface)
{
    const unsigned char *data = cairo_image_surface_get_data(surface);
    const size_t stride = (size_t)cairo_image_surface_get_stride(surface);
    for (size_t y = 0; y < out->height; y++)
        for (size_t x = 0; x < out->width; x++) {
            unsigned char *to = out->pixels + y * out->stride + 4 * x;
            uint32_t pixel;
            memcpy(&pixel, data + y * stride + 4 * x, sizeof pixel);
            const uint32_t alpha = pixel >> 24;
            for (unsigned c = 0; c < 3; c++) {
                const uint32_t value = pixel >> (16 - 8 * c) & 255;
                const uint32_t plain = alpha ? (value * 255 + alpha / 2) / alpha : 0;
                to[c] = (unsigned char)(plain > 255 ? 255 : plain);
            }
            to[3] = (unsigned char)alpha;
        }
}

static cclip_status draw(struct cclip_picture *out, const struct cclip_picture_source *source,
                         RsvgHandle *handle)
{
    GError *error = NULL;
    const RsvgRectangle whole = { 0, 0, (double)out->width, (double)out->height };
    cairo_surface_t *surface =
        cairo_image_surface_create(CAIRO_FORMAT_ARGB32, (int)out->width, (int)out->height);
    cairo_t *cairo = cairo_create(surface);
    cclip_status status = CCLIP_OK;
    if (cairo_status(cairo) != CAIRO_STATUS_SUCCESS)
        status = cclip_fail(CCLIP_ERROR_MEMORY, "%s: out of memory in cairo", source->name);
    else if (!rsvg_handle_render_document(handle, cairo, &whole, &error))
        status = refuse(source, error);
    cairo_destroy(cairo);
    cairo_surface_flush(surface);
    if (!status)
        take_pixels(out, surface);
    cairo_surface_destroy(surface);
    return status;
}

cclip_status cclip_svg_decode(struct cclip_picture *out, const struct cclip_picture_source *source)
{
    GError *error = NULL;
    RsvgHandle *handle = rsvg_handle_new_from_data(source->data, source->size, &error);
    if (!handle)
        return refuse(source, error);
    rsvg_handle_set_dpi(handle, 96);
    const double ratio = proportion(handle), side = (double)source->limits.vector_side;
    const double width = rint(ratio >= 1 ? side : side * ratio);
    const double height = rint(ratio >= 1 ? side / ratio : side);
    cclip_status status = cclip_picture_begin(out, source, CCLIP_MODE_RGBA,
                                              width < 1 ? 1 : (uint64_t)width,
                                              height < 1 ? 1 : (uint64_t)height);
    if (!status)
        status = draw(out, source, handle);
    g_object_unref(handle);
    return status;
}
#endif
