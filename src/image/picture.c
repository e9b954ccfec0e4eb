/* Pictures: opening, closing, and finding the codec. */
#include "image/picture.h"

#include <string.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/memory.h"
#include "image/codec.h"

static const struct cclip_picture_mode_info modes[CCLIP_MODES] = {
    [CCLIP_MODE_1] = { "1", 1, 1 },       [CCLIP_MODE_L] = { "L", 1, 1 },
    [CCLIP_MODE_LA] = { "LA", 2, 2 },     [CCLIP_MODE_P] = { "P", 1, 1 },
    [CCLIP_MODE_RGB] = { "RGB", 3, 3 },   [CCLIP_MODE_RGBA] = { "RGBA", 4, 4 },
    [CCLIP_MODE_CMYK] = { "CMYK", 4, 4 }, [CCLIP_MODE_I] = { "I", 1, 4 },
};

const struct cclip_picture_mode_info *cclip_picture_mode_info(enum cclip_picture_mode mode)
{
    return &modes[mode];
}

/* In the order of how sure their first bytes are. */
static const struct cclip_codec codecs[] = {
    { "jpeg", cclip_jpeg_matches, cclip_jpeg_decode, "libjpeg" },
    { "png", cclip_png_matches, cclip_png_decode, "libpng" },
    { "webp", cclip_webp_matches, cclip_webp_decode, "libwebp" },
    { "gif", cclip_gif_matches, cclip_gif_decode, "giflib" },
    { "bmp", cclip_bmp_matches, cclip_bmp_decode, "" },
    { "ppm", cclip_ppm_matches, cclip_ppm_decode, "" },
#if CCLIP_WITH_TIFF
    { "tiff", cclip_tiff_matches, cclip_tiff_decode, "libtiff" },
#else
    { "tiff", cclip_tiff_matches, NULL, "libtiff" },
#endif
#if CCLIP_WITH_HEIF
    { "avif", cclip_avif_matches, cclip_heif_decode, "libheif" },
    { "heif", cclip_heif_matches, cclip_heif_decode, "libheif" },
#else
    { "avif", cclip_avif_matches, NULL, "libheif" },
    { "heif", cclip_heif_matches, NULL, "libheif" },
#endif
#if CCLIP_WITH_RSVG
    { "svg", cclip_svg_matches, cclip_svg_decode, "librsvg" },
#else
    { "svg", cclip_svg_matches, NULL, "librsvg" },
#endif
};
enum { CODECS = sizeof codecs / sizeof codecs[0] };

const char *const *cclip_picture_formats(void)
{
    static const char *const names[] = {
        "jpeg", "png", "webp", "gif", "bmp", "ppm",
#if CCLIP_WITH_TIFF
        "tiff",
#endif
#if CCLIP_WITH_HEIF
        "avif", "heif",
#endif
#if CCLIP_WITH_RSVG
        "svg",
#endif
        NULL
    };
    return names;
}

void cclip_picture_limits_init(struct cclip_picture_limits *limits)
{
    *limits = (struct cclip_picture_limits){ .side = CCLIP_LIMIT_IMAGE_SIDE,
                                             .pixels = CCLIP_LIMIT_IMAGE_PIXELS,
                                             .file = CCLIP_LIMIT_IMAGE_FILE,
                                             .vector_side = 512 };
}

cclip_status cclip_picture_open(struct cclip_picture *out, enum cclip_picture_mode mode,
                                size_t width, size_t height)
{
    *out = (struct cclip_picture){ .mode = mode, .width = width, .height = height, .orientation = 1 };
    out->stride = width * modes[mode].pixel_bytes;
    const size_t bytes = out->stride * height;
    out->pixels = cclip_allocate_aligned(bytes + CCLIP_PICTURE_SLACK);
    if (!out->pixels)
        return CCLIP_ERROR_MEMORY;
    memset(out->pixels + bytes, 0, CCLIP_PICTURE_SLACK);
    return CCLIP_OK;
}

void cclip_picture_close(struct cclip_picture *picture)
{
    cclip_release_aligned(picture->pixels);
    *picture = (struct cclip_picture){ .orientation = 1 };
}

cclip_status cclip_picture_begin(struct cclip_picture *out,
                                 const struct cclip_picture_source *source,
                                 enum cclip_picture_mode mode, uint64_t width, uint64_t height)
{
    const struct cclip_picture_limits *limits = &source->limits;
    if (!width || !height)
        return cclip_fail(CCLIP_ERROR_FORMAT, "%s: a picture of %llu x %llu pixels", source->name,
                          (unsigned long long)width, (unsigned long long)height);
    if (width > limits->side || height > limits->side)
        return cclip_fail(CCLIP_ERROR_LIMIT, "%s: %llu x %llu pixels: a side is over the limit of %zu",
                          source->name, (unsigned long long)width, (unsigned long long)height,
                          limits->side);
    if (width * height > limits->pixels)
        return cclip_fail(CCLIP_ERROR_LIMIT, "%s: %llu x %llu pixels are over the limit of %llu",
                          source->name, (unsigned long long)width, (unsigned long long)height,
                          (unsigned long long)limits->pixels);
    out->mode = mode;
    out->width = (size_t)width;
    out->height = (size_t)height;
    if (source->probe_only)
        return CCLIP_ERROR_CANCELLED;
    const struct cclip_picture before = *out;
    const cclip_status status = cclip_picture_open(out, mode, (size_t)width, (size_t)height);
    out->has_key = before.has_key;
    memcpy(out->key, before.key, sizeof out->key);
    out->orientation = before.orientation;
    return status;
}

static cclip_status run_codec(struct cclip_picture *out, const struct cclip_picture_source *source)
{
    if (!source->size)
        return cclip_fail(CCLIP_ERROR_FORMAT, "%s: the file is empty", source->name);
    for (size_t i = 0; i < CODECS; i++) {
        if (!codecs[i].matches(source->data, source->size))
            continue;
        if (!codecs[i].decode)
            return cclip_fail(CCLIP_ERROR_UNSUPPORTED, "%s: %s pictures need %s, which this build lacks",
                              source->name, codecs[i].name, codecs[i].library);
        const cclip_status status = codecs[i].decode(out, source);
        out->format = codecs[i].name;
        return status;
    }
    return cclip_fail(CCLIP_ERROR_FORMAT,
                      "%s: byte 0: not a picture format that is known here (it begins with %02x %02x)",
                      source->name, source->data[0], source->size > 1 ? source->data[1] : 0);
}

static struct cclip_picture_source make_source(const void *data, size_t size, const char *name,
                                               const struct cclip_picture_limits *limits)
{
    struct cclip_picture_source source = { .data = data, .size = size, .name = name };
    if (limits)
        source.limits = *limits;
    else
        cclip_picture_limits_init(&source.limits);
    return source;
}

cclip_status cclip_picture_decode(struct cclip_picture *out, const void *data, size_t size,
                                  const char *name, const struct cclip_picture_limits *limits)
{
    const struct cclip_picture_source source = make_source(data, size, name, limits);
    *out = (struct cclip_picture){ .orientation = 1 };
    const cclip_status status = run_codec(out, &source);
    if (status)
        cclip_picture_close(out);
    return status;
}

cclip_status cclip_picture_probe(struct cclip_picture *out, const void *data, size_t size,
                                 const char *name, const struct cclip_picture_limits *limits)
{
    struct cclip_picture_source source = make_source(data, size, name, limits);
    source.probe_only = 1;
    *out = (struct cclip_picture){ .orientation = 1 };
    const cclip_status status = run_codec(out, &source);
    if (status == CCLIP_ERROR_CANCELLED)
        return CCLIP_OK;
    cclip_picture_close(out);
    return status;
}

cclip_status cclip_picture_read(struct cclip_picture *out, const char *path,
                                const struct cclip_picture_limits *limits)
{
    struct cclip_mapping mapping;
    const size_t most = limits ? limits->file : CCLIP_LIMIT_IMAGE_FILE;
    *out = (struct cclip_picture){ .orientation = 1 };
    cclip_status status = cclip_mapping_open(&mapping, path);
    if (status)
        return status;
    if (mapping.size > most)
        status = cclip_fail(CCLIP_ERROR_LIMIT, "%s: %zu bytes are over the limit of %zu for a picture",
                            path, mapping.size, most);
    else
        status = cclip_picture_decode(out, mapping.data, mapping.size, path, limits);
    cclip_mapping_close(&mapping);
    return status;
}
