/* Draws pictures at 64 x 64 and measures them.
 *
 * usage: icons_draw FRAMES PIXELS MARKS [FIRST COUNT]
 *
 * FRAMES holds a picture after another: u32 length, u32 kind ('S': SVG, 'P': any other picture file), the
 * bytes. PIXELS gets RGBA of each, MARKS a struct mark, at the places that belong to it, so that several
 * processes can share the work: each draws COUNT pictures from FIRST on. What cannot be drawn leaves zeros. */
#include "mark.h"

#include <cairo.h>
#include <librsvg/rsvg.h>
#include <cclip/image.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A margin around drawings, which usually fill their view box to the edge. */
static const double MARGIN = 0.03;

static int draw_svg(unsigned char *rgba, const unsigned char *svg, size_t length)
{
    static cairo_surface_t *surface;
    if (!surface)
        surface = cairo_image_surface_create(CAIRO_FORMAT_ARGB32, SIDE, SIDE);
    RsvgHandle *handle = rsvg_handle_new_from_data(svg, length, NULL);
    if (!handle)
        return 0;
    cairo_t *cairo = cairo_create(surface);
    cairo_set_operator(cairo, CAIRO_OPERATOR_CLEAR);
    cairo_paint(cairo);
    cairo_set_operator(cairo, CAIRO_OPERATOR_OVER);
    const RsvgRectangle view = { SIDE * MARGIN, SIDE * MARGIN, SIDE * (1 - 2 * MARGIN),
                                 SIDE * (1 - 2 * MARGIN) };
    const int drawn = rsvg_handle_render_document(handle, cairo, &view, NULL);
    cairo_destroy(cairo);
    g_object_unref(handle);
    cairo_surface_flush(surface);
    const uint32_t *pixels = (const uint32_t *)(const void *)cairo_image_surface_get_data(surface);
    for (int i = 0; i < SIDE * SIDE; i++) {
        const uint32_t p = pixels[i], alpha = p >> 24;
        for (int c = 0; c < 3; c++) {
            const uint32_t value = p >> (16 - 8 * c) & 255;
            rgba[4 * i + c] = (unsigned char)(alpha ? (value * 255 + alpha / 2) / alpha : 0);
        }
        rgba[4 * i + 3] = (unsigned char)alpha;
    }
    return drawn;
}

/* Alpha is what white and black behind a picture make a difference of. */
static int draw_file(unsigned char *rgba, const void *bytes, size_t length)
{
    static float planes[2][3][SIDE * SIDE];
    cclip_preprocessing how = CCLIP_PREPROCESSING_INIT;
    how.height = how.width = SIDE;
    how.resize_mode = CCLIP_RESIZE_LONGEST;
    how.has_background = 1;
    for (int i = 0; i < 3; i++)
        how.mean[i] = 0, how.std[i] = 1;
    for (int white = 0; white < 2; white++) {
        memset(how.background, white ? 255 : 0, 3);
        if (cclip_preprocess_memory(planes[white][0], bytes, length, "picture", &how))
            return 0;
    }
    for (int i = 0; i < SIDE * SIDE; i++) {
        float through = 1;
        for (int c = 0; c < 3; c++)
            if (planes[1][c][i] - planes[0][c][i] < through)
                through = planes[1][c][i] - planes[0][c][i];
        const float alpha = through < 0 ? 1 : 1 - through;
        for (int c = 0; c < 3; c++) {
            const float value = alpha > 0 ? planes[0][c][i] / alpha : 0;
            rgba[4 * i + c] = (unsigned char)(255 * (value > 1 ? 1 : value) + 0.5f);
        }
        rgba[4 * i + 3] = (unsigned char)(255 * alpha + 0.5f);
    }
    return 1;
}

static int put(FILE *file, const void *bytes, size_t size, long index)
{
    return !fseeko(file, (off_t)index * (off_t)size, SEEK_SET) && fwrite(bytes, size, 1, file) == 1;
}

static FILE *open_shared(const char *path)
{
    FILE *file = fopen(path, "r+b");
    return file ? file : fopen(path, "w+b");
}

int main(int argc, char **argv)
{
    if (argc != 4 && argc != 6) {
        fprintf(stderr, "usage: icons_draw FRAMES PIXELS MARKS [FIRST COUNT]\n");
        return 2;
    }
    FILE *in = fopen(argv[1], "rb"), *pixels = open_shared(argv[2]), *marks = open_shared(argv[3]);
    if (!in || !pixels || !marks) {
        perror(!in ? argv[1] : !pixels ? argv[2] : argv[3]);
        return 1;
    }
    const long first = argc == 6 ? strtol(argv[4], NULL, 10) : 0;
    const long end = argc == 6 ? first + strtol(argv[5], NULL, 10) : -1;
    uint32_t head[2];
    for (long index = 0; index != end && fread(head, sizeof head, 1, in) == 1; index++) {
        if (index < first) {
            fseeko(in, head[0], SEEK_CUR);
            continue;
        }
        static unsigned char rgba[PICTURE_BYTES];
        struct mark mark = { 0 };
        unsigned char *bytes = malloc(head[0] ? head[0] : 1);
        if (!bytes || fread(bytes, 1, head[0], in) != head[0]) {
            fprintf(stderr, "icons_draw: %s ends within picture %ld\n", argv[1], index);
            return 1;
        }
        if (head[1] == 'S' ? draw_svg(rgba, bytes, head[0]) : draw_file(rgba, bytes, head[0]))
            mark_picture(&mark, rgba);
        else
            memset(rgba, 0, sizeof rgba);
        free(bytes);
        if (!put(pixels, rgba, sizeof rgba, index) || !put(marks, &mark, sizeof mark, index)) {
            perror("icons_draw");
            return 1;
        }
    }
    return fclose(pixels) | fclose(marks) ? 1 : 0;
}
