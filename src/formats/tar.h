/* Tar archives, member after member: old tar, ustar, GNU and pax long names and sizes, plain or
 * compressed with gzip. libarchive inside.
 *
 * Only regular files are given out, of headers alone links too; folders and devices are passed over.
 * Nothing is ever written to a disk, so names need no judging. */
#ifndef CCLIP_FORMATS_TAR_H
#define CCLIP_FORMATS_TAR_H

#include <stddef.h>
#include <stdint.h>
#include "base/buffer.h"
#include "base/status.h"

struct cclip_tar;

/* A file is read as it is walked through, so that its size does not matter. */
cclip_status cclip_tar_open(struct cclip_tar **out, const char *path);
/* The same for a look at the members' headers: what lies between them is passed over by seeking.
 * Links are given out as well, symbolic and hard ones. */
cclip_status cclip_tar_open_headers(struct cclip_tar **out, const char *path);
/* From memory, which must stay; `name` is used in messages, and `offset`, where the memory's first byte lies in
 * what bears that name. */
cclip_status cclip_tar_open_memory(struct cclip_tar **out, const void *data, size_t size,
                                   const char *name, uint64_t offset);
void cclip_tar_close(struct cclip_tar **tar);

struct cclip_tar_member {
    const char *name; /* bytes, until the next call; NULL after the last member */
    uint64_t offset;  /* of its header, and of what precedes it for a long name */
    uint64_t end;     /* of its bytes; a damaged archive may be shorter */
    int is_link;
};
/* Goes to the next member; what was not read of the last one is passed over. An archive that ends
 * early or is damaged is an error, not an end. */
cclip_status cclip_tar_next(struct cclip_tar *tar, struct cclip_tar_member *out);

/* Appends the bytes of the member at hand; CCLIP_ERROR_LIMIT where `out` may not grow so large, and
 * then the next member can still be asked for. */
cclip_status cclip_tar_read(struct cclip_tar *tar, struct cclip_buffer *out);

#endif
