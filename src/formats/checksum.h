/* Whether a file is still what was written. */
#ifndef CCLIP_FORMATS_CHECKSUM_H
#define CCLIP_FORMATS_CHECKSUM_H

#include <stdint.h>

#include "base/status.h"

/* CRC-32 of all its bytes, as in gzip and zip. */
cclip_status cclip_file_crc32(uint32_t *out, const char *path);

#endif
