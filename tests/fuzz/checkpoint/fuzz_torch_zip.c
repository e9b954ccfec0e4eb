/* PyTorch zips as they are. Sums protect their pickles from small changes: fuzz_pickle has those. */
#include "fuzz/checkpoint/open_bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    open_bytes(data, size);
    return 0;
}
