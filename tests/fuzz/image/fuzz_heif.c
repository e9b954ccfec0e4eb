#include "fuzz/image/picture_target.h"

/* HEIC and AVIF share a container and a library. */
static int matches(const unsigned char *data, size_t size)
{
    return cclip_avif_matches(data, size) || cclip_heif_matches(data, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_picture(matches, data, size);
}
