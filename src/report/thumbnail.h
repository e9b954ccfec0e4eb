/* A small upright copy of a picture file. */
#ifndef CCLIP_REPORT_THUMBNAIL_H
#define CCLIP_REPORT_THUMBNAIL_H

#include "base/buffer.h"
#include "image/picture.h"

struct cclip_thumbnail_size {
    size_t width, height; /* at most */
    int enlarge;          /* a smaller picture grows into the box */
};

/* Turned as its EXIF orientation says, proportions kept, in mode RGB, or RGBA where something is
 * transparent. Close it. */
cclip_status cclip_thumbnail_read(struct cclip_picture *out, const char *path,
                                  const struct cclip_thumbnail_size *size);

/* The same of a picture at hand, which becomes it, and is closed if that fails. */
cclip_status cclip_thumbnail_make(struct cclip_picture *picture, const struct cclip_thumbnail_size *size);

/* Appends a JPEG file, or PNG where there is transparency; *type becomes its MIME type. */
cclip_status cclip_thumbnail_encode(struct cclip_buffer *out, const struct cclip_picture *thumbnail,
                                    const char **type);

#endif
