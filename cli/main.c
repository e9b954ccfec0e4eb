#include <stdio.h>
#include <cclip/version.h>

int main(void)
{
    puts(CCLIP_VERSION_STRING);
    return 0;
}
