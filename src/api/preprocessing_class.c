/* The ways in which the public checkpoints of CLIP's kind prepare their pictures, by name. A checkpoint's
 * own files say the same key by key; the names are for pictures that are prepared without one. */
#include <string.h>

#include <cclip/image.h>
#include "base/status.h"

#define OPENAI_MEAN { 0.48145466f, 0.4578275f, 0.40821073f }
#define OPENAI_STD { 0.26862954f, 0.26130258f, 0.27577711f }
#define IMAGENET_MEAN { 0.485f, 0.456f, 0.406f }
#define IMAGENET_STD { 0.229f, 0.224f, 0.225f }
#define HALF { 0.5f, 0.5f, 0.5f }

static const struct {
    const char *name;
    cclip_resize_mode resize_mode;
    cclip_interpolation interpolation;
    float mean[3], std[3];
} classes[] = {
    { "openai", CCLIP_RESIZE_SHORTEST, CCLIP_BICUBIC, OPENAI_MEAN, OPENAI_STD },
    { "siglip", CCLIP_RESIZE_SQUASH, CCLIP_BICUBIC, HALF, HALF },
    { "clipa", CCLIP_RESIZE_SQUASH, CCLIP_BILINEAR, IMAGENET_MEAN, IMAGENET_STD },
    { "mobileclip", CCLIP_RESIZE_SHORTEST, CCLIP_BILINEAR, { 0, 0, 0 }, { 1, 1, 1 } },
    { "mobileclip2_s3", CCLIP_RESIZE_SHORTEST, CCLIP_BILINEAR, OPENAI_MEAN, OPENAI_STD },
    { "pe", CCLIP_RESIZE_SQUASH, CCLIP_BILINEAR, HALF, HALF },
    { "laion_half", CCLIP_RESIZE_SHORTEST, CCLIP_BICUBIC, HALF, HALF },
};
enum { CLASSES = sizeof classes / sizeof classes[0] };

cclip_status cclip_preprocessing_set_class(cclip_preprocessing *preprocessing, const char *name)
{
    for (size_t i = 0; i < CLASSES; i++) {
        if (strcmp(classes[i].name, name))
            continue;
        preprocessing->resize_to = 0;
        preprocessing->resize_mode = classes[i].resize_mode;
        preprocessing->interpolation = classes[i].interpolation;
        memcpy(preprocessing->mean, classes[i].mean, sizeof preprocessing->mean);
        memcpy(preprocessing->std, classes[i].std, sizeof preprocessing->std);
        return CCLIP_OK;
    }
    return cclip_fail(CCLIP_ERROR_ARGUMENT,
                      "\"%s\" is no preprocessing class: expected openai, siglip, clipa, mobileclip, "
                      "mobileclip2_s3, pe or laion_half", name);
}
