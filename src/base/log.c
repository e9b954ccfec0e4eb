#include "base/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/printable.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static cclip_log_callback *log_callback;
static void *log_user;

void cclip_log_set(cclip_log_callback *callback, void *user)
{
    pthread_mutex_lock(&mutex);
    log_callback = callback;
    log_user = user;
    pthread_mutex_unlock(&mutex);
}

void cclip_log(cclip_log_level level, const char *format, ...)
{
    char line[1024], clean[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    cclip_printable(clean, sizeof clean, line);
    pthread_mutex_lock(&mutex);
    if (log_callback)
        log_callback(log_user, level, clean);
    pthread_mutex_unlock(&mutex);
}
