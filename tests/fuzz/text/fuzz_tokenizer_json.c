/* Any bytes as tokenizer.json. */
#include "fuzz/text/files.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_put("tokenizer.json", data, size);
    fuzz_open("tokenizer.json");
    fuzz_remove("tokenizer.json");
    return 0;
}
