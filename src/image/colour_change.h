/* Changes of colour on RGB bytes, byte for byte those of torchvision's functions for Pillow pictures
 * (ImageEnhance, and the turn of the hue in Pillow's HSV). All work in place on `count` pixels. */
#ifndef CCLIP_IMAGE_COLOUR_CHANGE_H
#define CCLIP_IMAGE_COLOUR_CHANGE_H

#include <stddef.h>

/* Away from black: factor 0 is black, 1 changes nothing. */
void cclip_change_brightness(unsigned char *pixels, size_t count, double factor);
/* Away from the mean grey of the picture. */
void cclip_change_contrast(unsigned char *pixels, size_t count, double factor);
/* Away from each pixel's own grey: factor 0 is grey. */
void cclip_change_saturation(unsigned char *pixels, size_t count, double factor);
/* `turn` of a full circle, -0.5 to 0.5. */
void cclip_change_hue(unsigned char *pixels, size_t count, double turn);
/* Luma in all three channels. */
void cclip_change_to_grey(unsigned char *pixels, size_t count);

#endif
