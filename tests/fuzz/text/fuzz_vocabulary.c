/* vocab.json and merges.txt: the input is both, the first NUL between them, a third part after a second
 * NUL is tokenizer_config.json. */
#include "fuzz/text/files.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = { "vocab.json", "merges.txt", "tokenizer_config.json" };
    for (size_t i = 0; i < 3; i++) {
        const uint8_t *end = i < 2 && size ? memchr(data, 0, size) : NULL;
        const size_t length = end ? (size_t)(end - data) : size;
        if (i < 2 || length)
            fuzz_put(names[i], data, length);
        data += length + (end != NULL);
        size -= length + (end != NULL);
    }
    fuzz_open(NULL);
    for (size_t i = 0; i < 3; i++)
        fuzz_remove(names[i]);
    return 0;
}
