/* JPEG by libjpeg-turbo, with the choices of Pillow: islow DCT, fancy upsampling, CMYK samples taken
 * as Adobe writes them (inverted), errors on files that end early.
 *
 * libjpeg leaves by longjmp: the functions that call setjmp hold no changing locals and own nothing. */
#include <stdio.h>
#include <string.h>
#include <setjmp.h>

#include <jpeglib.h>
#include <jerror.h>

#include "image/codec.h"

enum { MOST_SCANS = 500, EXIF_MARKER = JPEG_APP0 + 1, ROWS_A_CALL = 16 };

struct reader {
    struct jpeg_decompress_struct info;
    struct jpeg_error_mgr errors;
    struct jpeg_source_mgr input;
    struct jpeg_progress_mgr progress;
    jmp_buf jump;
    const struct cclip_picture_source *source;
    struct cclip_picture *picture;
    int out_of_memory;
    char message[JMSG_LENGTH_MAX];
};

int cclip_jpeg_matches(const unsigned char *data, size_t size)
{
    return size >= 3 && data[0] == 0xff && data[1] == 0xd8 && data[2] == 0xff;
}

static struct reader *reader_of(j_common_ptr info)
{
    return info->client_data;
}

static void on_error(j_common_ptr info)
{
    struct reader *r = reader_of(info);
    info->err->format_message(info, r->message);
    r->out_of_memory = info->err->msg_code == JERR_OUT_OF_MEMORY;
    longjmp(r->jump, 1);
}

static void on_message(j_common_ptr info, int level)
{
    if (level < 0)
        info->err->num_warnings++;
}

static void on_output(j_common_ptr info)
{
    (void)info;
}

static void on_progress(j_common_ptr info)
{
    /* A progressive file of a few kilobytes can ask for hours of work by repeating scans. */
    struct reader *r = reader_of(info);
    if (((j_decompress_ptr)info)->input_scan_number <= MOST_SCANS)
        return;
    snprintf(r->message, sizeof r->message, "more than %d scans", MOST_SCANS);
    longjmp(r->jump, 1);
}

static void input_nothing(j_decompress_ptr info)
{
    (void)info;
}

static boolean input_more(j_decompress_ptr info)
{
    struct reader *r = info->client_data;
    snprintf(r->message, sizeof r->message, "the file ends early (row %u of %u)",
             info->output_scanline, info->output_height ? info->output_height : info->image_height);
    longjmp(r->jump, 1);
}

static void input_skip(j_decompress_ptr info, long count)
{
    if (count <= 0)
        return;
    if ((size_t)count > info->src->bytes_in_buffer) {
        info->src->bytes_in_buffer = 0;
        input_more(info);
    }
    info->src->next_input_byte += count;
    info->src->bytes_in_buffer -= (size_t)count;
}

/* All set-up but the calls that may fail. */
static void reader_init(struct reader *r, struct cclip_picture *out,
                        const struct cclip_picture_source *source)
{
    memset(r, 0, sizeof *r);
    r->source = source;
    r->picture = out;
    r->info.err = jpeg_std_error(&r->errors);
    r->info.client_data = r;
    r->errors.error_exit = on_error;
    r->errors.emit_message = on_message;
    r->errors.output_message = on_output;
    r->input.next_input_byte = source->data;
    r->input.bytes_in_buffer = source->size;
    r->input.init_source = r->input.term_source = input_nothing;
    r->input.fill_input_buffer = input_more;
    r->input.skip_input_data = input_skip;
    r->input.resync_to_restart = jpeg_resync_to_restart;
    r->progress.progress_monitor = on_progress;
}

static int read_header(struct reader *r)
{
    if (setjmp(r->jump))
        return 0;
    jpeg_create_decompress(&r->info);
    r->info.src = &r->input;
    r->info.progress = &r->progress;
    if (r->source->limits.read_orientation)
        jpeg_save_markers(&r->info, EXIF_MARKER, 0xffff);
    jpeg_read_header(&r->info, TRUE);
    jpeg_calc_output_dimensions(&r->info);
    return 1;
}

static int read_rows(struct reader *r)
{
    if (setjmp(r->jump))
        return 0;
    jpeg_start_decompress(&r->info);
    while (r->info.output_scanline < r->info.output_height) {
        JSAMPROW rows[ROWS_A_CALL];
        for (unsigned i = 0; i < ROWS_A_CALL; i++) {
            const unsigned row = r->info.output_scanline + i;
            const unsigned last = r->info.output_height - 1;
            rows[i] = r->picture->pixels + (size_t)(row < last ? row : last) * r->picture->stride;
        }
        jpeg_read_scanlines(&r->info, rows, ROWS_A_CALL);
    }
    jpeg_finish_decompress(&r->info);
    return 1;
}

static cclip_status refuse(const struct reader *r)
{
    if (r->out_of_memory)
        return cclip_fail(CCLIP_ERROR_MEMORY, "%s: out of memory in libjpeg", r->source->name);
    return cclip_fail(CCLIP_ERROR_FORMAT, "%s: byte %zu of %zu: JPEG: %s", r->source->name,
                      r->source->size - r->input.bytes_in_buffer, r->source->size, r->message);
}

static void read_orientation(struct reader *r)
{
    for (const struct jpeg_marker_struct *m = r->info.marker_list; m; m = m->next)
        if (m->marker == EXIF_MARKER && m->data_length > 6 && !memcmp(m->data, "Exif\0\0", 6)) {
            r->picture->orientation = cclip_exif_orientation(m->data, m->data_length);
            return;
        }
}

static void invert(struct cclip_picture *picture)
{
    const size_t bytes = picture->stride * picture->height;
    for (size_t i = 0; i < bytes; i++)
        picture->pixels[i] = (unsigned char)~picture->pixels[i];
}

static cclip_status decode(struct reader *r)
{
    static const struct {
        enum cclip_picture_mode mode;
        J_COLOR_SPACE space;
    } forms[] = { [1] = { CCLIP_MODE_L, JCS_GRAYSCALE },
                  [3] = { CCLIP_MODE_RGB, JCS_RGB },
                  [4] = { CCLIP_MODE_CMYK, JCS_CMYK } };
    if (!read_header(r))
        return refuse(r);
    const int components = r->info.num_components;
    if (components != 1 && components != 3 && components != 4)
        return cclip_fail(CCLIP_ERROR_UNSUPPORTED, "%s: JPEG: %d components, expected 1, 3 or 4",
                          r->source->name, components);
    read_orientation(r);
    const cclip_status status =
        cclip_picture_begin(r->picture, r->source, forms[components].mode, r->info.image_width,
                            r->info.image_height);
    if (status)
        return status;
    r->info.out_color_space = forms[components].space;
    r->info.dct_method = JDCT_ISLOW;
    r->info.do_fancy_upsampling = TRUE;
    if (!read_rows(r))
        return refuse(r);
    if (r->picture->mode == CCLIP_MODE_CMYK)
        invert(r->picture);
    r->picture->warnings = (size_t)r->errors.num_warnings;
    return CCLIP_OK;
}

cclip_status cclip_jpeg_decode(struct cclip_picture *out, const struct cclip_picture_source *source)
{
    struct reader reader;
    reader_init(&reader, out, source);
    const cclip_status status = decode(&reader);
    jpeg_destroy_decompress(&reader.info);
    return status;
}
