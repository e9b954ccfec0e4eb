/* Pictures by numbers that are quickly compared: the same file, the same pixels, much the same look. */
#ifndef CCLIP_CURATE_PICTURE_DIGEST_H
#define CCLIP_CURATE_PICTURE_DIGEST_H

#include <stdint.h>
#include "image/picture.h"

/* 128 bits of any bytes: enough that of a billion files no two meet by chance. Not for secrets: who wants to
 * can make two that meet. */
struct cclip_digest {
    uint64_t half[2];
};
struct cclip_digest cclip_digest_bytes(const void *data, size_t size);
int cclip_digest_compare(const struct cclip_digest *a, const struct cclip_digest *b);

/* Of width, height and what is seen of each pixel: not of the format, the palette or colours behind full
 * transparency. */
cclip_status cclip_digest_pixels(struct cclip_digest *out, const struct cclip_picture *picture);

/* 128 bits of where a picture of 9 x 9 pixels grows brighter to the right and downwards (a difference hash);
 * transparent ones lie on white. Pictures of much the same look differ in few bits. */
cclip_status cclip_difference_hash(struct cclip_digest *out, const struct cclip_picture *picture);
/* In how many bits two hashes differ: 0 to 128. */
int cclip_hash_distance(const struct cclip_digest *a, const struct cclip_digest *b);

#endif
