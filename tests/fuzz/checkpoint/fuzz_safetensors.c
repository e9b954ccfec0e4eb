/* Safetensors files. */
#include "fuzz/checkpoint/open_bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    open_bytes(data, size);
    return 0;
}
