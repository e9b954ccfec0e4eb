/* Zip archives: the directory, and every entry's bytes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "formats/zip.h"

enum { LARGEST = 1 << 20 }; /* deflate cannot make more of a fuzzer's input without taking long */

static void read_entry(const struct cclip_zip *zip, const struct cclip_zip_entry *entry)
{
    const unsigned char *data;
    unsigned sum = 0;
    if (cclip_zip_find(zip, entry->name, entry->name_length) != entry)
        abort();
    if (!cclip_zip_data(&data, zip, entry))
        for (size_t i = 0; i < entry->packed; i++)
            sum += data[i];
    if (entry->size > LARGEST)
        return;
    unsigned char *out = malloc(entry->size + 1);
    if (out && !cclip_zip_read(out, zip, entry) && sum == 0xffffffffu)
        abort();
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cclip_zip *zip;
    if (cclip_zip_open(&zip, data, size, "input")) {
        if (zip || !*cclip_error_message() || strchr(cclip_error_message(), '\n'))
            abort();
        return 0;
    }
    for (size_t i = 0; i < cclip_zip_count(zip); i++)
        read_entry(zip, cclip_zip_entry(zip, i));
    cclip_zip_close(&zip);
    return 0;
}
