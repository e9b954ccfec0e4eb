/* Writes pictures as PNG, in their own colours or in others.
 *
 * usage: icons_paint PIXELS <jobs >pictures
 *
 * A job is a line INDEX INK GROUND: picture INDEX of PIXELS, all of it in the colour INK and laid on the
 * colour GROUND; each is rrggbb, or - for its own colours, or for transparent. The answer is u32 length and
 * the PNG file. */
#include "mark.h"

#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int get_colour(unsigned char out[3], const char *text)
{
    unsigned r, g, b;
    if (sscanf(text, "%2x%2x%2x", &r, &g, &b) != 3)
        return 0;
    out[0] = (unsigned char)r, out[1] = (unsigned char)g, out[2] = (unsigned char)b;
    return 1;
}

static void paint(unsigned char *out, const unsigned char *rgba, const unsigned char *ink,
                  const unsigned char *ground)
{
    for (int i = 0; i < SIDE * SIDE; i++, rgba += 4) {
        const unsigned char *colour = ink ? ink : rgba;
        for (int c = 0; c < 3; c++)
            *out++ = ground ? (unsigned char)((colour[c] * rgba[3] + ground[c] * (255 - rgba[3]) + 127) / 255)
                            : colour[c];
        if (!ground)
            *out++ = rgba[3];
    }
}

static int write_png(const unsigned char *pixels, int opaque)
{
    static unsigned char file[2 * PICTURE_BYTES + 4096];
    png_image image = { .version = PNG_IMAGE_VERSION,
                        .width = SIDE,
                        .height = SIDE,
                        .format = opaque ? PNG_FORMAT_RGB : PNG_FORMAT_RGBA };
    png_alloc_size_t size = sizeof file;
    if (!png_image_write_to_memory(&image, file, &size, 0, pixels, 0, NULL))
        return 0;
    const uint32_t length = (uint32_t)size;
    return fwrite(&length, sizeof length, 1, stdout) == 1 && fwrite(file, size, 1, stdout) == 1 &&
           !fflush(stdout); /* somebody waits for this one */
}

int main(int argc, char **argv)
{
    FILE *pixels = argc == 2 ? fopen(argv[1], "rb") : NULL;
    if (!pixels) {
        fprintf(stderr, "usage: icons_paint PIXELS <jobs >pictures\n");
        return 2;
    }
    long index;
    char ink_text[8], ground_text[8];
    while (scanf("%ld %7s %7s", &index, ink_text, ground_text) == 3) {
        static unsigned char rgba[PICTURE_BYTES], out[PICTURE_BYTES];
        unsigned char ink[3], ground[3];
        const int has_ink = get_colour(ink, ink_text), has_ground = get_colour(ground, ground_text);
        if (fseeko(pixels, (off_t)index * PICTURE_BYTES, SEEK_SET) || fread(rgba, sizeof rgba, 1, pixels) != 1) {
            fprintf(stderr, "icons_paint: %s has no picture %ld\n", argv[1], index);
            return 1;
        }
        paint(out, rgba, has_ink ? ink : NULL, has_ground ? ground : NULL);
        if (!write_png(out, has_ground))
            return 1;
    }
    return fflush(stdout) != 0;
}
