#include "api/bootstrap_options.h"

#include "base/limits.h"
#include "base/status.h"

void cclip_bootstrap_options_init(cclip_bootstrap_options *options)
{
    *options = (cclip_bootstrap_options)CCLIP_BOOTSTRAP_OPTIONS_INIT;
}

cclip_status cclip_check_bootstrap(const cclip_bootstrap_options *o)
{
    if (o->version != CCLIP_BOOTSTRAP_OPTIONS_VERSION)
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "bootstrap options: version %u is not known",
                          (unsigned)o->version);
    if (!o->resamples || o->resamples > CCLIP_LIMIT_RESAMPLES)
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "bootstrap: %zu resamples: 1 to %zu expected",
                          o->resamples, CCLIP_LIMIT_RESAMPLES);
    if (!(o->confidence > 0 && o->confidence < 1))
        return cclip_fail(CCLIP_ERROR_ARGUMENT,
                          "bootstrap: confidence %g: a number between 0 and 1 expected",
                          o->confidence);
    return CCLIP_OK;
}
