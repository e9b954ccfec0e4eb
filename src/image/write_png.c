/* PNG by libpng. As in codec_png.c, what calls setjmp holds no changing locals. */
#include "image/write_picture.h"

#include <setjmp.h>
#include <stdio.h>

#include <png.h>

struct writer {
    png_structp png;
    png_infop info;
    jmp_buf jump;
    struct cclip_buffer *out;
    const struct cclip_pixels *in;
    cclip_status status; /* of the buffer */
    char message[160];
};

static void on_error(png_structp png, png_const_charp message)
{
    struct writer *w = png_get_error_ptr(png);
    snprintf(w->message, sizeof w->message, "%s", message);
    longjmp(w->jump, 1);
}

static void on_warning(png_structp png, png_const_charp message)
{
    (void)png;
    (void)message;
}

static void on_write(png_structp png, png_bytep data, size_t count)
{
    struct writer *w = png_get_io_ptr(png);
    w->status = cclip_buffer_append(w->out, data, count);
    if (w->status)
        longjmp(w->jump, 1);
}

static void on_flush(png_structp png)
{
    (void)png;
}

static int write_all(struct writer *w)
{
    static const int types[] = { [1] = PNG_COLOR_TYPE_GRAY, [3] = PNG_COLOR_TYPE_RGB,
                                 [4] = PNG_COLOR_TYPE_RGBA };
    const struct cclip_pixels *in = w->in;
    if (setjmp(w->jump))
        return 0;
    png_set_write_fn(w->png, w, on_write, on_flush);
    png_set_IHDR(w->png, w->info, (png_uint_32)in->width, (png_uint_32)in->height, 8,
                 types[in->channels], PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    png_write_info(w->png, w->info);
    for (size_t y = 0; y < in->height; y++)
        png_write_row(w->png, in->pixels + y * in->stride);
    png_write_end(w->png, w->info);
    return 1;
}

cclip_status cclip_png_write(struct cclip_buffer *out, const struct cclip_pixels *in)
{
    struct writer w = { .out = out, .in = in };
    const size_t before = out->length;
    cclip_status status = CCLIP_OK;
    if (in->channels != 1 && in->channels != 3 && in->channels != 4)
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "PNG with %zu channels", in->channels);
    if (!in->width || !in->height || in->width > 0x7fffffff || in->height > 0x7fffffff)
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "PNG of %zu x %zu pixels", in->width, in->height);
    w.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &w, on_error, on_warning);
    w.info = w.png ? png_create_info_struct(w.png) : NULL;
    if (!w.info)
        status = cclip_fail(CCLIP_ERROR_MEMORY, "out of memory in libpng");
    else if (!write_all(&w))
        status = w.status ? w.status : cclip_fail(CCLIP_ERROR_ARGUMENT, "writing PNG: %s", w.message);
    png_destroy_write_struct(&w.png, &w.info);
    if (status)
        out->length = before;
    return status;
}
