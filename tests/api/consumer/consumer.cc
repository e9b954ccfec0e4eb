/* The same from C++. */
#include <cclip/cclip.h>
#include <iostream>
#include <string>

int main()
{
    std::cout << cclip_version() << ' ' << cclip_status_name(CCLIP_OK) << ' ' << cclip_cpu_level() << '\n';
    return std::string(cclip_version()) != CCLIP_VERSION_STRING || cclip_cpu_count() < 1;
}
