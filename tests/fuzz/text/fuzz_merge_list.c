/* Any bytes as a merge list, plain or gzip. */
#include "fuzz/text/files.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_put("list.txt", data, size);
    fuzz_open("list.txt");
    fuzz_remove("list.txt");
    return 0;
}
