#include "formats/checksum.h"

#include <zlib.h>

#include "base/file.h"

cclip_status cclip_file_crc32(uint32_t *out, const char *path)
{
    struct cclip_mapping file;
    const cclip_status status = cclip_mapping_open(&file, path);
    if (status)
        return status;
    *out = (uint32_t)crc32_z(crc32_z(0, NULL, 0), file.data, file.size);
    cclip_mapping_close(&file);
    return CCLIP_OK;
}
