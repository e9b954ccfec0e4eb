/* A picture turned, scaled and shifted around its centre, between pixels as Pillow's bilinear filter. */
#ifndef CCLIP_IMAGE_AFFINE_H
#define CCLIP_IMAGE_AFFINE_H

#include <stddef.h>

struct cclip_affine {
    double degrees;          /* clockwise */
    double shift_x, shift_y; /* pixels, right and down */
    double zoom;             /* above 1: larger */
    unsigned char fill[3];   /* what comes in from outside */
    int edge;                /* the nearest pixel of the edge comes in, not `fill` */
};

/* Both are RGB bytes [height][width][3], and not the same. torchvision's affine without shear. */
void cclip_affine_rgb(unsigned char *out, const unsigned char *in, size_t width, size_t height,
                      const struct cclip_affine *affine);

#endif
