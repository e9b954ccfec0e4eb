#include <cclip/checkpoint.h>
#include <cclip/hub.h>

#include "base/limits.h"
#include "models/convert.h"

cclip_status cclip_checkpoint_convert(const char *input, const char *output,
                                      cclip_checkpoint_format format, const char *vocabulary)
{
    static const enum cclip_convert_form forms[] = {
        [CCLIP_FORMAT_OPEN_CLIP] = CCLIP_CONVERT_OPEN_CLIP,
        [CCLIP_FORMAT_HUGGING_FACE] = CCLIP_CONVERT_HUGGING_FACE,
    };
    if ((size_t)format >= sizeof forms / sizeof forms[0])
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "checkpoint format %d is not known", (int)format);
    char path[CCLIP_LIMIT_PATH];
    const cclip_status status = cclip_hub_find(path, sizeof path, input);
    return status ? status : cclip_models_convert(path, vocabulary, output, forms[format]);
}
