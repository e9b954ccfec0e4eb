/* Zip archives in memory: the central directory, and the bytes of an entry. Zip64; stored and
 * deflated entries; no encryption, no archives in several parts. What is inside is the caller's
 * business. */
#ifndef CCLIP_FORMATS_ZIP_H
#define CCLIP_FORMATS_ZIP_H

#include <stddef.h>
#include <stdint.h>
#include "base/status.h"

struct cclip_zip;

struct cclip_zip_entry {
    const char *name; /* points into the archive, not zero-terminated */
    size_t name_length;
    size_t size;   /* bytes when unpacked */
    size_t packed; /* bytes in the archive; equal when stored */
    size_t offset; /* of the local header */
    uint32_t crc;
    int deflated;
};

/* Reads the directory; `data` must outlive the archive. Entries that lie outside the archive, two
 * of one name, and sizes that deflate cannot reach are refused. `name` is used in messages. */
cclip_status cclip_zip_open(struct cclip_zip **out, const void *data, size_t size,
                            const char *name);
void cclip_zip_close(struct cclip_zip **zip);

size_t cclip_zip_count(const struct cclip_zip *zip);
const struct cclip_zip_entry *cclip_zip_entry(const struct cclip_zip *zip, size_t index);
const struct cclip_zip_entry *cclip_zip_find(const struct cclip_zip *zip, const char *name,
                                             size_t length); /* NULL: there is none */

/* Where the entry's bytes (packed, if it is deflated) begin in the archive; `entry->packed` of them
 * are there. Checks the local header, not the sum. */
cclip_status cclip_zip_data(const unsigned char **out, const struct cclip_zip *zip,
                            const struct cclip_zip_entry *entry);
/* Fills `out` with the `entry->size` bytes, unpacked, and checks their sum. Never writes more. */
cclip_status cclip_zip_read(void *out, const struct cclip_zip *zip,
                            const struct cclip_zip_entry *entry);

#endif
