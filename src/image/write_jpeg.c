/* JPEG by libjpeg-turbo. As in codec_jpeg.c, what calls setjmp holds no changing locals. */
#include <stdio.h>
#include <string.h>
#include <setjmp.h>

#include <jpeglib.h>
#include <jerror.h>

#include "image/write_picture.h"

enum { CHUNK = 16384 };

struct writer {
    struct jpeg_compress_struct info;
    struct jpeg_error_mgr errors;
    struct jpeg_destination_mgr output;
    jmp_buf jump;
    struct cclip_buffer *out;
    const struct cclip_pixels *in;
    int quality, out_of_memory;
    cclip_status status; /* of the buffer */
    char message[JMSG_LENGTH_MAX];
    unsigned char chunk[CHUNK];
};

static void on_error(j_common_ptr info)
{
    struct writer *w = info->client_data;
    info->err->format_message(info, w->message);
    w->out_of_memory = info->err->msg_code == JERR_OUT_OF_MEMORY;
    longjmp(w->jump, 1);
}

static void on_message(j_common_ptr info, int level)
{
    (void)info;
    (void)level;
}

static void on_output(j_common_ptr info)
{
    (void)info;
}

static void output_begin(j_compress_ptr info)
{
    struct writer *w = info->client_data;
    info->dest->next_output_byte = w->chunk;
    info->dest->free_in_buffer = CHUNK;
}

static void append(struct writer *w, size_t count)
{
    w->status = cclip_buffer_append(w->out, w->chunk, count);
    if (w->status)
        longjmp(w->jump, 1);
}

static boolean output_full(j_compress_ptr info)
{
    append(info->client_data, CHUNK);
    output_begin(info);
    return TRUE;
}

static void output_end(j_compress_ptr info)
{
    append(info->client_data, CHUNK - info->dest->free_in_buffer);
}

static int write_all(struct writer *w)
{
    if (setjmp(w->jump))
        return 0;
    jpeg_create_compress(&w->info);
    w->info.dest = &w->output;
    w->info.image_width = (JDIMENSION)w->in->width;
    w->info.image_height = (JDIMENSION)w->in->height;
    w->info.input_components = (int)w->in->channels;
    w->info.in_color_space = w->in->channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_set_defaults(&w->info);
    jpeg_set_quality(&w->info, w->quality, TRUE);
    w->info.optimize_coding = TRUE;
    jpeg_start_compress(&w->info, TRUE);
    while (w->info.next_scanline < w->info.image_height) {
        const unsigned char *from = w->in->pixels + w->info.next_scanline * w->in->stride;
        JSAMPROW row;
        memcpy(&row, &from, sizeof row); /* libjpeg does not write here, but does not say const */
        jpeg_write_scanlines(&w->info, &row, 1);
    }
    jpeg_finish_compress(&w->info);
    return 1;
}

cclip_status cclip_jpeg_write(struct cclip_buffer *out, const struct cclip_pixels *in, int quality)
{
    struct writer w;
    const size_t before = out->length;
    cclip_status status = CCLIP_OK;
    if (in->channels != 1 && in->channels != 3)
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "JPEG with %zu channels", in->channels);
    if (!in->width || !in->height || in->width > JPEG_MAX_DIMENSION || in->height > JPEG_MAX_DIMENSION)
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "JPEG of %zu x %zu pixels", in->width, in->height);
    memset(&w, 0, offsetof(struct writer, chunk));
    w.in = in;
    w.out = out;
    w.quality = quality < 1 ? 1 : quality > 100 ? 100 : quality;
    w.info.err = jpeg_std_error(&w.errors);
    w.info.client_data = &w;
    w.errors.error_exit = on_error;
    w.errors.emit_message = on_message;
    w.errors.output_message = on_output;
    w.output.init_destination = output_begin;
    w.output.empty_output_buffer = output_full;
    w.output.term_destination = output_end;
    if (!write_all(&w))
        status = w.status          ? w.status
                 : w.out_of_memory ? cclip_fail(CCLIP_ERROR_MEMORY, "out of memory in libjpeg")
                                   : cclip_fail(CCLIP_ERROR_ARGUMENT, "writing JPEG: %s", w.message);
    jpeg_destroy_compress(&w.info);
    if (status)
        out->length = before;
    return status;
}
