/* A calibration file: either an error with a message, or numbers that give a probability. */
#include <stdint.h>
#include <stdlib.h>

#include "zero_shot/calibration.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cclip_calibration calibration;
    if (cclip_calibration_parse(&calibration, (const char *)data, size, "fuzz")) {
        if (!*cclip_error_message())
            abort();
        return 0;
    }
    const double p = cclip_calibrated(&calibration, 20, 15);
    if (!(p >= 0 && p <= 1))
        abort();
    return 0;
}
