/* Colours as a person writes them. */
#ifndef CCLIP_IMAGE_COLOUR_H
#define CCLIP_IMAGE_COLOUR_H

#include "base/status.h"

/* "none" (then *has_colour is 0), a name ("white", "black", ...), "#rgb" or "#rrggbb". Untouched on
 * failure: CCLIP_ERROR_ARGUMENT. */
cclip_status cclip_colour_parse(int *has_colour, unsigned char colour[3], const char *text);

#endif
