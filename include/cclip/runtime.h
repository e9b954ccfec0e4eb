/** @file
 * The process around the models: log, threads, devices, instruction sets. */
#ifndef CCLIP_RUNTIME_H
#define CCLIP_RUNTIME_H

#include <stddef.h>
#include <cclip/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/** How much a log line matters. */
typedef enum cclip_log_level {
    CCLIP_LOG_ERROR = 0,
    CCLIP_LOG_WARNING = 1,
    CCLIP_LOG_INFO = 2,
    CCLIP_LOG_DEBUG = 3
} cclip_log_level;

/** Receives one log line (no newline). May be called from any thread, one call at a time. */
typedef void cclip_log_callback(void *user, cclip_log_level level, const char *message);

/**
 * Sets where log lines go; NULL (the default) drops them. The library itself never prints.
 * Set it before other threads use the library.
 */
CCLIP_API void cclip_log_set(cclip_log_callback *callback, void *user);

/** How many CPUs this process may use (affinity mask), at least 1. */
CCLIP_API int cclip_cpu_count(void);

/**
 * The widest instruction set that kernels use here: "c", "neon", "avx2" or "avx512". The environment variable
 * CCLIP_CPU lowers it (never raises it); it is read once, at the first use.
 */
CCLIP_API const char *cclip_cpu_level(void);

#ifdef __cplusplus
}
#endif
#endif
