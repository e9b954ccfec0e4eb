#include "image/augment.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "image/affine.h"
#include "image/colour_change.h"
#include "image/preprocess.h"
#include "image/resize.h"

/* Each step draws from a stream of its own. */
enum step { CROP, FLIP, AFFINE, JITTER, GREY, BACKGROUND };
enum { CROP_TRIES = 10 };
/* A drawn ground hides a picture of which its complement shows so many times as much. */
enum { HIDDEN = 4 };

void cclip_augmentation_init(struct cclip_augmentation *out)
{
    *out = (struct cclip_augmentation){ .scale = { 0.9, 1.0 }, .ratio = { 3.0 / 4.0, 4.0 / 3.0 } };
}

static cclip_status check_within(const char *name, double value, double most)
{
    if (value >= 0 && value <= most)
        return CCLIP_OK;
    return cclip_fail(CCLIP_ERROR_ARGUMENT, "augmentation: %s %g: 0 to %g expected", name, value, most);
}

static cclip_status check_range(const char *name, const double range[2], double most)
{
    if ((range[0] > 0 && range[0] <= range[1] && range[1] <= most) || (range[0] == 0 && range[1] == 0))
        return CCLIP_OK;
    return cclip_fail(CCLIP_ERROR_ARGUMENT,
                      "augmentation: %s %g to %g: a range above 0 and up to %g expected", name, range[0],
                      range[1], most);
}

cclip_status cclip_augmentation_check(const struct cclip_augmentation *a)
{
    const struct {
        const char *name;
        double value, most;
    } values[] = {
        { "flip", a->flip, 1 },           { "affine", a->affine, 1 },
        { "degrees", a->degrees, 180 },   { "shift", a->shift, 1 },
        { "jitter", a->jitter, 1 },       { "brightness", a->brightness, 100 },
        { "contrast", a->contrast, 100 }, { "saturation", a->saturation, 100 },
        { "hue", a->hue, 0.5 },           { "grey", a->grey, 1 },
        { "random_background", a->random_background, 1 },
    };
    cclip_status status = CCLIP_OK;
    for (size_t i = 0; i < sizeof values / sizeof *values && !status; i++)
        status = check_within(values[i].name, values[i].value, values[i].most);
    if (!status)
        status = check_range("scale", a->scale, 1);
    if (!status)
        status = check_range("ratio", a->ratio, 1000);
    return status ? status : check_range("zoom", a->zoom, 1000);
}

static double between(struct cclip_random *random, double low, double high)
{
    return low + (high - low) * cclip_random_uniform(random);
}

/* Where ten tries gave no cut that fits: the largest one in the middle with a ratio that is allowed. */
static void middle_cut(struct cclip_augmentation_draw *out, const double ratio[2], size_t width,
                       size_t height)
{
    const double own = (double)width / (double)height;
    out->width = width;
    out->height = height;
    if (own < ratio[0])
        out->height = (size_t)rint((double)width / ratio[0]);
    else if (own > ratio[1])
        out->width = (size_t)rint((double)height * ratio[1]);
    out->left = (width - out->width) / 2;
    out->top = (height - out->height) / 2;
}

/* torchvision's RandomResizedCrop: the area is even within the scale, the ratio's logarithm is. */
static void draw_crop(struct cclip_augmentation_draw *out, const struct cclip_augmentation *a,
                      size_t width, size_t height, struct cclip_random *random)
{
    static const double any[2] = { 3.0 / 4.0, 4.0 / 3.0 };
    const double *ratio = a->ratio[0] > 0 ? a->ratio : any;
    const double area = (double)width * (double)height;
    if (!(a->scale[0] > 0))
        return;
    for (int i = 0; i < CROP_TRIES; i++) {
        const double target = area * between(random, a->scale[0], a->scale[1]);
        const double aspect = exp(between(random, log(ratio[0]), log(ratio[1])));
        const double w = rint(sqrt(target * aspect)), h = rint(sqrt(target / aspect));
        if (w < 1 || h < 1 || w > (double)width || h > (double)height)
            continue;
        out->width = (size_t)w;
        out->height = (size_t)h;
        out->top = (size_t)cclip_random_below(random, height - out->height + 1);
        out->left = (size_t)cclip_random_below(random, width - out->width + 1);
        return;
    }
    middle_cut(out, ratio, width, height);
}

static void draw_affine(struct cclip_augmentation_draw *out, const struct cclip_augmentation *a,
                        const cclip_preprocessing *p, struct cclip_random *random)
{
    const double x = a->shift * (double)p->width, y = a->shift * (double)p->height;
    out->affine = cclip_random_uniform(random) < a->affine;
    out->degrees = between(random, -a->degrees, a->degrees);
    out->shift_x = rint(between(random, -x, x));
    out->shift_y = rint(between(random, -y, y));
    out->zoom = a->zoom[0] > 0 ? between(random, a->zoom[0], a->zoom[1]) : 1;
}

static double draw_factor(double strength, struct cclip_random *random)
{
    return between(random, strength < 1 ? 1 - strength : 0, 1 + strength);
}

static void draw_jitter(struct cclip_augmentation_draw *out, const struct cclip_augmentation *a,
                        struct cclip_random *random)
{
    out->jitter = cclip_random_uniform(random) < a->jitter;
    for (int i = 0; i < 4; i++)
        out->order[i] = i;
    for (int i = 3; i > 0; i--) {
        const int other = (int)cclip_random_below(random, (uint64_t)i + 1), kept = out->order[i];
        out->order[i] = out->order[other];
        out->order[other] = kept;
    }
    out->factors[0] = draw_factor(a->brightness, random);
    out->factors[1] = draw_factor(a->contrast, random);
    out->factors[2] = draw_factor(a->saturation, random);
    out->factors[3] = between(random, -a->hue, a->hue);
}

static void draw_background(struct cclip_augmentation_draw *out, const struct cclip_augmentation *a,
                            const cclip_preprocessing *p, struct cclip_random *random)
{
    uint8_t colour[3];
    for (size_t c = 0; c < 3; c++)
        colour[c] = (uint8_t)cclip_random_below(random, 256);
    out->background_drawn = cclip_random_uniform(random) < a->random_background;
    memcpy(out->background, out->background_drawn ? colour : p->background, 3);
}

void cclip_augmentation_draw(struct cclip_augmentation_draw *out,
                             const struct cclip_augmentation *a, size_t width, size_t height,
                             const cclip_preprocessing *p, struct cclip_random *random)
{
    struct cclip_random steps[BACKGROUND + 1];
    const uint64_t seed = cclip_random_bits(random);
    for (unsigned i = 0; i <= BACKGROUND; i++)
        cclip_random_seed(&steps[i], seed, i);
    *out = (struct cclip_augmentation_draw){ 0 };
    draw_crop(out, a, width, height, &steps[CROP]);
    out->flip = cclip_random_uniform(&steps[FLIP]) < a->flip;
    draw_affine(out, a, p, &steps[AFFINE]);
    draw_jitter(out, a, &steps[JITTER]);
    out->grey = cclip_random_uniform(&steps[GREY]) < a->grey;
    draw_background(out, a, p, &steps[BACKGROUND]);
}

/* The part of a picture that is cut out, without copying it. */
static struct cclip_picture cut(const struct cclip_picture *picture,
                                const struct cclip_augmentation_draw *draw)
{
    struct cclip_picture out = *picture;
    if (!draw->width)
        return out;
    out.pixels += draw->top * picture->stride +
                  draw->left * cclip_picture_mode_info(picture->mode)->pixel_bytes;
    out.width = draw->width;
    out.height = draw->height;
    return out;
}

/* The reference's training transform is bicubic, whatever evaluation uses. */
static cclip_status resize_to_input(unsigned char *out, const struct cclip_picture *picture,
                                    const cclip_preprocessing *p)
{
    const struct cclip_resize resize = { .width = p->width,
                                         .height = p->height,
                                         .window_width = p->width,
                                         .window_height = p->height,
                                         .interpolation = CCLIP_BICUBIC };
    struct cclip_picture resized;
    const cclip_status status = cclip_resize_window(&resized, picture, &resize);
    if (status)
        return status;
    for (size_t y = 0; y < p->height; y++)
        cclip_convert_row_rgb(out + y * p->width * 3, &resized, resized.pixels + y * resized.stride,
                              p->width);
    cclip_picture_close(&resized);
    return CCLIP_OK;
}

static void mirror(unsigned char *pixels, size_t width, size_t height)
{
    for (size_t y = 0; y < height; y++, pixels += 3 * width)
        for (size_t x = 0; x < width / 2; x++)
            for (size_t c = 0; c < 3; c++) {
                unsigned char *left = pixels + 3 * x + c, *right = pixels + 3 * (width - 1 - x) + c;
                const unsigned char kept = *left;
                *left = *right;
                *right = kept;
            }
}

static cclip_status move(unsigned char *pixels, const cclip_preprocessing *p,
                         const struct cclip_augmentation_draw *draw, const uint8_t fill[3], int edge)
{
    const size_t bytes = p->height * p->width * 3;
    struct cclip_affine affine = { draw->degrees, draw->shift_x, draw->shift_y, draw->zoom, { 0 }, edge };
    memcpy(affine.fill, fill, 3);
    unsigned char *before = cclip_allocate(bytes, 1);
    if (!before)
        return CCLIP_ERROR_MEMORY;
    memcpy(before, pixels, bytes);
    cclip_affine_rgb(pixels, before, p->width, p->height, &affine);
    cclip_release(before);
    return CCLIP_OK;
}

/* A strength of 0 leaves a change out: a factor of 1 would do the same, but a hue that goes there and back
 * does not end where it began. */
static void jitter(unsigned char *pixels, size_t count, const struct cclip_augmentation *a,
                   const struct cclip_augmentation_draw *draw)
{
    typedef void change(unsigned char *pixels, size_t count, double factor);
    static change *const changes[4] = { cclip_change_brightness, cclip_change_contrast,
                                        cclip_change_saturation, cclip_change_hue };
    const double strengths[4] = { a->brightness, a->contrast, a->saturation, a->hue };
    for (int i = 0; i < 4; i++) {
        const int which = draw->order[i];
        if (strengths[which] > 0)
            changes[which](pixels, count, draw->factors[which]);
    }
}

/* What `colour` and the picture laid on it add up to differ in, on average over pixels and channels: 0 where
 * nothing of the picture is seen. */
static uint64_t visible(const struct cclip_picture *composed, const uint8_t colour[3])
{
    uint64_t sum = 0;
    for (size_t y = 0; y < composed->height; y++) {
        const unsigned char *row = composed->pixels + y * composed->stride;
        for (size_t i = 0; i < composed->width * 3; i++)
            sum += (uint64_t)abs(row[i] - colour[i % 3]);
    }
    return sum;
}

/* A black drawing on a black ground teaches nothing: of a drawn colour and its complement the one that shows more of
 * the picture is taken where the first shows little. */
static cclip_status lay_on(struct cclip_picture *out, const struct cclip_picture *part, uint8_t colour[3],
                           int drawn)
{
    cclip_status status = cclip_picture_compose(out, part, colour);
    if (status || !drawn)
        return status;
    uint8_t other[3];
    for (size_t c = 0; c < 3; c++)
        other[c] = (uint8_t)(255 - colour[c]);
    struct cclip_picture opposite;
    status = cclip_picture_compose(&opposite, part, other);
    if (status) {
        cclip_picture_close(out);
        return status;
    }
    if (HIDDEN * visible(out, colour) < visible(&opposite, other)) {
        const struct cclip_picture kept = *out;
        *out = opposite;
        opposite = kept;
        memcpy(colour, other, 3);
    }
    cclip_picture_close(&opposite);
    return CCLIP_OK;
}

cclip_status cclip_augment_u8(unsigned char *out, const struct cclip_picture *picture,
                              const cclip_preprocessing *p, const struct cclip_augmentation *a,
                              const struct cclip_augmentation_draw *draw)
{
    struct cclip_picture part = cut(picture, draw), composed = { 0 };
    const int on_background =
        (p->has_background || draw->background_drawn) && cclip_picture_has_alpha(picture);
    uint8_t background[3];
    memcpy(background, draw->background, 3);
    cclip_status status = CCLIP_OK;
    if (on_background) {
        status = lay_on(&composed, &part, background, draw->background_drawn);
        part = composed;
    }
    if (!status)
        status = draw->width ? resize_to_input(out, &part, p) : cclip_preprocess_u8(out, &part, p);
    cclip_picture_close(&composed);
    if (!status && draw->flip)
        mirror(out, p->width, p->height);
    if (!status && draw->affine)
        status = move(out, p, draw, on_background ? background : a->fill, a->edge && !on_background);
    if (!status && draw->jitter)
        jitter(out, p->width * p->height, a, draw);
    if (!status && draw->grey)
        cclip_change_to_grey(out, p->width * p->height);
    return status;
}

cclip_status cclip_augment(float *out, const struct cclip_picture *picture,
                           const cclip_preprocessing *p, const struct cclip_augmentation *a,
                           struct cclip_random *random)
{
    struct cclip_augmentation_draw draw;
    struct cclip_placement placement; /* checks the sizes before they are multiplied */
    cclip_status status = cclip_preprocess_place(&placement, 1, 1, p);
    if (status)
        return status;
    cclip_augmentation_draw(&draw, a, picture->width, picture->height, p, random);
    unsigned char *bytes = cclip_allocate(p->height * p->width, 3);
    if (!bytes)
        return CCLIP_ERROR_MEMORY;
    status = cclip_augment_u8(bytes, picture, p, a, &draw);
    if (!status)
        cclip_preprocess_normalize(out, bytes, p);
    cclip_release(bytes);
    return status;
}
