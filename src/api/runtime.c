#include <cclip/version.h>

const char *cclip_version(void)
{
    return CCLIP_VERSION_STRING;
}
