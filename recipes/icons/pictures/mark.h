/* What is remembered of a picture that was drawn: enough to name its colours, to tell lines from areas, and to find
 * pictures that look the same. Records of this layout follow each other in a file, one a picture. */
#ifndef ICONS_MARK_H
#define ICONS_MARK_H

#include <stdint.h>

enum {
    SIDE = 64,                       /* pictures are SIDE x SIDE, RGBA, colours not multiplied by alpha */
    PICTURE_BYTES = SIDE * SIDE * 4,
    GRID = 16,                       /* the small raster pictures are compared by: GRID x GRID x 3 */
    GRID_BYTES = GRID * GRID * 3,
    COLOURS = 12                     /* see COLOUR in mark.c */
};

struct mark {
    uint64_t hash;             /* of all pixels: equal pictures have equal hashes */
    uint16_t drawn;            /* 1; 0: it could not be decoded, and the rest is 0 */
    uint16_t ink;              /* covered area, in thousandths of the picture */
    uint16_t stroke;           /* mean width of what is covered, in tenths of a pixel: 2 area / outline */
    uint16_t one_colour;       /* 1: all that is covered has the same colour */
    uint16_t shares[COLOURS];  /* of the covered area, in thousandths */
    uint8_t raster[GRID_BYTES]; /* 255 - colour on white, of the square around all that is not white */
};

void mark_picture(struct mark *out, const unsigned char rgba[PICTURE_BYTES]);

#endif
