/** @file
 * Version of the library and of its binary interface. */
#ifndef CCLIP_VERSION_H
#define CCLIP_VERSION_H

/** Of the headers a program was compiled with. */
#define CCLIP_VERSION_MAJOR 0
/** Of the headers a program was compiled with. */
#define CCLIP_VERSION_MINOR 1
/** Of the headers a program was compiled with. */
#define CCLIP_VERSION_PATCH 0
/** "MAJOR.MINOR.PATCH" of the headers. */
#define CCLIP_VERSION_STRING "0.1.0"

/** @def CCLIP_API
 * Marks what a program may call. */
#if defined(_WIN32)
#define CCLIP_API
#elif defined(__GNUC__)
#define CCLIP_API __attribute__((visibility("default")))
#else
#define CCLIP_API
#endif

/** @def CCLIP_PRINTF
 * Lets the compiler check a format against its arguments. */
#if defined(__GNUC__)
#define CCLIP_PRINTF(format_index, first) __attribute__((format(printf, format_index, first)))
#else
#define CCLIP_PRINTF(format_index, first)
#endif

#ifdef __cplusplus
extern "C" {
#endif

/** The version of the library that runs, as "MAJOR.MINOR.PATCH"; never NULL, owned by the library. */
CCLIP_API const char *cclip_version(void);

#ifdef __cplusplus
}
#endif
#endif
