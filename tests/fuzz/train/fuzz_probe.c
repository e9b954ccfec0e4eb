/* Files of linear probes: those that are taken hold what they say. */
#include <math.h>

#include "fuzz/checkpoint/open_bytes.h"
#include "train/probe_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cclip_checkpoint *file;
    struct cclip_probe *probe = NULL;
    if (cclip_checkpoint_open_bytes(&file, data, size, "input")) {
        check_message();
        return 0;
    }
    if (cclip_saved_probe_from(&probe, file)) {
        if (probe)
            abort();
        check_message();
    } else {
        const struct cclip_linear_probe *linear = &probe->linear;
        if (probe->classes.count != linear->classes || probe->origin.count > CCLIP_FINGERPRINT)
            abort();
        for (size_t i = 0; i < linear->classes * linear->dim; i++)
            if (!isfinite(linear->weight[i]))
                abort();
    }
    cclip_saved_probe_close(&probe);
    cclip_checkpoint_close(&file);
    return 0;
}
