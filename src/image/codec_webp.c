/* WebP by libwebp: lossy and lossless, alpha, the first frame of an animation on its canvas. */
#include <string.h>

#include <webp/decode.h>
#include <webp/demux.h>

#include "image/codec.h"

int cclip_webp_matches(const unsigned char *data, size_t size)
{
    return size >= 16 && !memcmp(data, "RIFF", 4) && !memcmp(data + 8, "WEBPVP8", 7);
}

/* A frame smaller than the canvas leaves the rest of it transparent black. */
static cclip_status decode_frame(struct cclip_picture *out, const struct cclip_picture_source *source,
                                 const WebPIterator *frame)
{
    WebPDecoderConfig config;
    if (!WebPInitDecoderConfig(&config))
        return cclip_fail(CCLIP_ERROR_UNSUPPORTED, "%s: WebP: another version of libwebp", source->name);
    const size_t x = (size_t)frame->x_offset, y = (size_t)frame->y_offset;
    const size_t width = (size_t)frame->width, height = (size_t)frame->height;
    if (x + width > out->width || y + height > out->height)
        return cclip_fail(CCLIP_ERROR_FORMAT, "%s: WebP: the frame is larger than the canvas",
                          source->name);
    if (width != out->width || height != out->height)
        memset(out->pixels, 0, out->stride * out->height);
    const size_t offset = y * out->stride + x * cclip_picture_mode_info(out->mode)->pixel_bytes;
    config.output.colorspace = out->mode == CCLIP_MODE_RGBA ? MODE_RGBA : MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA.rgba = out->pixels + offset;
    config.output.u.RGBA.stride = (int)out->stride;
    config.output.u.RGBA.size = out->stride * out->height - offset;
    const VP8StatusCode code = WebPDecode(frame->fragment.bytes, frame->fragment.size, &config);
    WebPFreeDecBuffer(&config.output);
    if (code == VP8_STATUS_OUT_OF_MEMORY)
        return cclip_fail(CCLIP_ERROR_MEMORY, "%s: out of memory in libwebp", source->name);
    if (code != VP8_STATUS_OK)
        return cclip_fail(CCLIP_ERROR_FORMAT, "%s: byte %zu: WebP: %s", source->name,
                          (size_t)(frame->fragment.bytes - source->data),
                          code == VP8_STATUS_NOT_ENOUGH_DATA ? "the frame ends early"
                                                             : "the frame is damaged");
    return CCLIP_OK;
}

static void read_orientation(struct cclip_picture *out, WebPDemuxer *demuxer)
{
    WebPChunkIterator chunk;
    if (WebPDemuxGetChunk(demuxer, "EXIF", 1, &chunk)) {
        out->orientation = cclip_exif_orientation(chunk.chunk.bytes, chunk.chunk.size);
        WebPDemuxReleaseChunkIterator(&chunk);
    }
}

cclip_status cclip_webp_decode(struct cclip_picture *out, const struct cclip_picture_source *source)
{
    const WebPData data = { source->data, source->size };
    WebPIterator frame;
    cclip_status status;
    WebPDemuxer *demuxer = WebPDemux(&data);
    if (!demuxer)
        return cclip_fail(CCLIP_ERROR_FORMAT, "%s: WebP: the file ends early or its chunks are damaged",
                          source->name);
    const int alpha = (WebPDemuxGetI(demuxer, WEBP_FF_FORMAT_FLAGS) & ALPHA_FLAG) != 0;
    if (source->limits.read_orientation)
        read_orientation(out, demuxer);
    status = cclip_picture_begin(out, source, alpha ? CCLIP_MODE_RGBA : CCLIP_MODE_RGB,
                                 WebPDemuxGetI(demuxer, WEBP_FF_CANVAS_WIDTH),
                                 WebPDemuxGetI(demuxer, WEBP_FF_CANVAS_HEIGHT));
    if (!status && !WebPDemuxGetFrame(demuxer, 1, &frame)) {
        status = cclip_fail(CCLIP_ERROR_FORMAT, "%s: WebP: no frame", source->name);
    } else if (!status) {
        status = decode_frame(out, source, &frame);
        WebPDemuxReleaseIterator(&frame);
    }
    WebPDemuxDelete(demuxer);
    return status;
}
