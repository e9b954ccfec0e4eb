/* The functions of image.h: a picture file, or its bytes, to a model's input. */
#include <cclip/image.h>

#include "image/colour.h"
#include "image/preprocess.h"

void cclip_preprocessing_init(cclip_preprocessing *preprocessing)
{
    *preprocessing = (cclip_preprocessing)CCLIP_PREPROCESSING_INIT;
}

cclip_status cclip_preprocessing_set_background(cclip_preprocessing *preprocessing,
                                                const char *colour)
{
    return cclip_colour_parse(&preprocessing->has_background, preprocessing->background, colour);
}

static cclip_status check_version(const cclip_preprocessing *preprocessing)
{
    if (preprocessing->version == CCLIP_PREPROCESSING_VERSION)
        return CCLIP_OK;
    return cclip_fail(CCLIP_ERROR_ARGUMENT, "preprocessing: version %u is not known",
                      (unsigned)preprocessing->version);
}

/* The decoder knows the picture's name, what comes after it does not. */
static cclip_status name_picture(cclip_status status, const char *name)
{
    return status ? cclip_fail_in(status, "%s", name) : CCLIP_OK;
}

static cclip_status read_picture(struct cclip_picture *out, const char *path,
                                 const cclip_preprocessing *preprocessing)
{
    const cclip_status status = check_version(preprocessing);
    return status ? status : cclip_picture_read(out, path, NULL);
}

cclip_status cclip_preprocess_file(float *out, const char *path,
                                   const cclip_preprocessing *preprocessing)
{
    struct cclip_picture picture;
    cclip_status status = read_picture(&picture, path, preprocessing);
    if (status)
        return status;
    status = name_picture(cclip_preprocess(out, &picture, preprocessing), path);
    cclip_picture_close(&picture);
    return status;
}

cclip_status cclip_preprocess_memory(float *out, const void *data, size_t size, const char *name,
                                     const cclip_preprocessing *preprocessing)
{
    struct cclip_picture picture;
    cclip_status status = check_version(preprocessing);
    if (!status)
        status = cclip_picture_decode(&picture, data, size, name, NULL);
    if (status)
        return status;
    status = name_picture(cclip_preprocess(out, &picture, preprocessing), name);
    cclip_picture_close(&picture);
    return status;
}

cclip_status cclip_preprocess_file_u8(uint8_t *out, const char *path,
                                      const cclip_preprocessing *preprocessing)
{
    struct cclip_picture picture;
    cclip_status status = read_picture(&picture, path, preprocessing);
    if (status)
        return status;
    status = name_picture(cclip_preprocess_u8(out, &picture, preprocessing), path);
    cclip_picture_close(&picture);
    return status;
}
