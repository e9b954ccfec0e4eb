/* The smallest program over an installed cclip: header and library must be of one version. */
#include <cclip/cclip.h>
#include <stdio.h>
#include <string.h>

int main(void)
{
    printf("%s %s %s\n", cclip_version(), cclip_status_name(CCLIP_OK), cclip_cpu_level());
    return strcmp(cclip_version(), CCLIP_VERSION_STRING) != 0 || cclip_cpu_count() < 1;
}
