#include "fuzz/image/picture_target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_picture(cclip_svg_matches, data, size);
}
