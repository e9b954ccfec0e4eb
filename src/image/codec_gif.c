/* GIF by giflib: the first frame on its canvas, as Pillow opens it. That is mode P, or L where there
 * is no palette or the palette is the gray ramp. What the frame leaves free is its transparent index,
 * or index 0. */
#include <string.h>

#include <gif_lib.h>

#include "image/codec.h"

struct reader {
    const struct cclip_picture_source *source;
    struct cclip_picture *picture;
    GifFileType *gif;
    size_t offset;
    int transparent; /* index, or -1 */
};

int cclip_gif_matches(const unsigned char *data, size_t size)
{
    return size >= 6 && (!memcmp(data, "GIF87a", 6) || !memcmp(data, "GIF89a", 6));
}

static int on_read(GifFileType *gif, GifByteType *out, int count)
{
    struct reader *r = gif->UserData;
    const size_t left = r->source->size - r->offset;
    const size_t given = (size_t)count < left ? (size_t)count : left;
    memcpy(out, r->source->data + r->offset, given);
    r->offset += given;
    return (int)given;
}

static cclip_status refuse(const struct reader *r, int code, const char *otherwise)
{
    const char *text = code ? GifErrorString(code) : NULL;
    return cclip_fail(CCLIP_ERROR_FORMAT, "%s: byte %zu of %zu: GIF: %s", r->source->name, r->offset,
                      r->source->size, text ? text : otherwise);
}

static cclip_status read_extension(struct reader *r)
{
    int kind = 0;
    GifByteType *block = NULL;
    if (DGifGetExtension(r->gif, &kind, &block) == GIF_ERROR)
        return refuse(r, r->gif->Error, "damaged extension");
    if (block && kind == GRAPHICS_EXT_FUNC_CODE && block[0] >= 4)
        r->transparent = block[1] & 1 ? block[4] : -1;
    while (block)
        if (DGifGetExtensionNext(r->gif, &block) == GIF_ERROR)
            return refuse(r, r->gif->Error, "damaged extension");
    return CCLIP_OK;
}

/* Moves to the first frame's data. */
static cclip_status find_frame(struct reader *r)
{
    for (;;) {
        GifRecordType kind;
        cclip_status status = CCLIP_OK;
        if (DGifGetRecordType(r->gif, &kind) == GIF_ERROR)
            return refuse(r, r->gif->Error, "damaged record");
        switch (kind) {
        case IMAGE_DESC_RECORD_TYPE:
            if (DGifGetImageHeader(r->gif) == GIF_ERROR)
                return refuse(r, r->gif->Error, "damaged frame");
            return CCLIP_OK;
        case EXTENSION_RECORD_TYPE:
            status = read_extension(r);
            break;
        case TERMINATE_RECORD_TYPE:
            return refuse(r, 0, "no frame");
        default:
            break;
        }
        if (status)
            return status;
    }
}

static int is_gray_ramp(const ColorMapObject *map)
{
    for (int i = 0; i < map->ColorCount; i++)
        if (map->Colors[i].Red != i || map->Colors[i].Green != i || map->Colors[i].Blue != i)
            return 0;
    return 1;
}

static void set_colours(struct reader *r, const ColorMapObject *map)
{
    struct cclip_picture *out = r->picture;
    if (out->mode == CCLIP_MODE_L) {
        out->has_key = r->transparent >= 0;
        out->key[0] = r->transparent;
        return;
    }
    memset(out->palette, 0, sizeof out->palette);
    for (int i = 0; i < 256; i++) {
        if (i < map->ColorCount) {
            const GifColorType *c = &map->Colors[i];
            const unsigned char colour[3] = { c->Red, c->Green, c->Blue };
            memcpy(out->palette[i], colour, 3);
        }
        out->palette[i][3] = i == r->transparent ? 0 : 255;
    }
    out->palette_has_alpha = r->transparent >= 0;
}

static cclip_status read_rows(struct reader *r)
{
    static const size_t start[] = { 0, 4, 2, 1 }, step[] = { 8, 8, 4, 2 };
    const GifImageDesc *frame = &r->gif->Image;
    const size_t height = (size_t)frame->Height;
    for (int pass = 0; pass < (frame->Interlace ? 4 : 1); pass++)
        for (size_t y = frame->Interlace ? start[pass] : 0; y < height;
             y += frame->Interlace ? step[pass] : 1) {
            unsigned char *row = r->picture->pixels + ((size_t)frame->Top + y) * r->picture->stride;
            if (DGifGetLine(r->gif, row + frame->Left, frame->Width) == GIF_ERROR)
                return refuse(r, r->gif->Error, "damaged data");
        }
    return CCLIP_OK;
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static cclip_status decode(struct reader *r)
{
    cclip_status status = find_frame(r);
    if (status)
        return status;
    const GifImageDesc *frame = &r->gif->Image;
    if (frame->Width < 1 || frame->Height < 1 || frame->Left < 0 || frame->Top < 0)
        return refuse(r, 0, "an empty frame");
    const ColorMapObject *map = frame->ColorMap ? frame->ColorMap : r->gif->SColorMap;
    const enum cclip_picture_mode mode = map && !is_gray_ramp(map) ? CCLIP_MODE_P : CCLIP_MODE_L;
    status = cclip_picture_begin(
        r->picture, r->source, mode,
        larger((size_t)r->gif->SWidth, (size_t)frame->Left + (size_t)frame->Width),
        larger((size_t)r->gif->SHeight, (size_t)frame->Top + (size_t)frame->Height));
    if (status)
        return status;
    set_colours(r, map);
    memset(r->picture->pixels, r->transparent > 0 ? r->transparent : 0,
           r->picture->stride * r->picture->height);
    return read_rows(r);
}

cclip_status cclip_gif_decode(struct cclip_picture *out, const struct cclip_picture_source *source)
{
    struct reader r = { .source = source, .picture = out, .transparent = -1 };
    int error = 0;
    r.gif = DGifOpen(&r, on_read, &error);
    if (!r.gif)
        return refuse(&r, error, "damaged header");
    const cclip_status status = decode(&r);
    DGifCloseFile(r.gif, &error);
    return status;
}
