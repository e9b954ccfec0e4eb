#ifndef CCLIP_BASE_LOG_H
#define CCLIP_BASE_LOG_H

#include <cclip/runtime.h>

/* Sends one line to the callback of cclip_log_set; nothing happens without one. */
void cclip_log(cclip_log_level level, const char *format, ...) CCLIP_PRINTF(2, 3);

#endif
