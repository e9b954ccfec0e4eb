/* .npy files: parsed, and every byte of the data that the header promises is read. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "formats/npy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cclip_npy npy;
    if (!cclip_npy_parse(&npy, data, size, "input")) {
        const size_t bytes = npy.count * cclip_npy_type_size(npy.type);
        const unsigned char *values = npy.data;
        unsigned sum = 0;
        if (npy.rank > CCLIP_LIMIT_TENSOR_RANK || bytes > size)
            abort();
        for (size_t i = 0; i < bytes; i++)
            sum += values[i];
        if (sum && !bytes)
            abort();
    }
    cclip_npy_close(&npy);
    return 0;
}
