/* From a picture to a model's input in training: a crop, and changes that leave what it shows the same.
 *
 * Every step is the one that open_clip's training transform makes with torchvision and Pillow, to the bit
 * once its numbers are drawn: the crop is resampled in the picture's own mode, colours are changed on
 * bytes. The steps, in this order: background, crop, RGB, mirror, affine, colour jitter, grey, normalise.
 *
 * docs/training_data.md says what each number means and how it is drawn. */
#ifndef CCLIP_IMAGE_AUGMENT_H
#define CCLIP_IMAGE_AUGMENT_H

#include <cclip/image.h>
#include "base/random.h"
#include "image/picture.h"

/* How much is changed. All zero: nothing, the picture is prepared as for evaluation. */
struct cclip_augmentation {
    double scale[2]; /* part of the picture's area that is cut out, at least and at most; 0, 0: no crop */
    double ratio[2]; /* of the cut's width to its height, at least and at most */
    double flip;     /* probability of mirroring left and right */

    double affine;     /* probability of turning, shifting and scaling: */
    double degrees;    /* at most, to either side */
    double shift;      /* at most, of the input's side, in both directions */
    double zoom[2];    /* factor, at least and at most; 0, 0: 1 */
    uint8_t fill[3];   /* what comes in from outside; the background where a picture has one */
    int edge;          /* pictures without a background: what comes in is their outermost pixels, not `fill` */

    double jitter;     /* probability of the four changes of colour, in an order that is drawn: */
    double brightness, contrast, saturation; /* factor within 1 - x (0 at least) and 1 + x */
    double hue;        /* turn at most, of a full circle, to either side; 0 to 0.5 */
    double grey;       /* probability of losing all colour */

    double random_background; /* probability that a transparent picture is laid on a colour that is drawn, not
                               * on the preprocessing's; one that hides it gives way to its complement */
};

/* open_clip's: the crop alone, with scale 0.9 to 1 and ratio 3/4 to 4/3. */
void cclip_augmentation_init(struct cclip_augmentation *augmentation);

/* CCLIP_ERROR_ARGUMENT, with the setting's name, where a probability is not within [0, 1] or a range not
 * in order. */
cclip_status cclip_augmentation_check(const struct cclip_augmentation *augmentation);

/* What was drawn for one picture. */
struct cclip_augmentation_draw {
    size_t left, top, width, height; /* the cut; width 0: none */
    int flip, affine, jitter, grey;
    double degrees, shift_x, shift_y, zoom; /* shifts in pixels of the input, whole */
    int order[4];      /* 0 brightness, 1 contrast, 2 saturation, 3 hue */
    double factors[4]; /* of the same */
    uint8_t background[3];
    int background_drawn; /* it is not the preprocessing's */
};

/* Draws for a picture of width x height whose input is `preprocessing`'s. What is drawn for one step
 * does not depend on which other steps are on, only on `random`. */
void cclip_augmentation_draw(struct cclip_augmentation_draw *out,
                             const struct cclip_augmentation *augmentation, size_t width,
                             size_t height, const cclip_preprocessing *preprocessing,
                             struct cclip_random *random);

/* The steps with given numbers; `out` is [height][width][3]. */
cclip_status cclip_augment_u8(unsigned char *out, const struct cclip_picture *picture,
                              const cclip_preprocessing *preprocessing,
                              const struct cclip_augmentation *augmentation,
                              const struct cclip_augmentation_draw *draw);

/* Draws, changes, normalises; `out` is [3][height][width]. */
cclip_status cclip_augment(float *out, const struct cclip_picture *picture,
                           const cclip_preprocessing *preprocessing,
                           const struct cclip_augmentation *augmentation,
                           struct cclip_random *random);

#endif
