/* Fails each allocation of a function in turn.
 *
 * cclip_fault_each(body, context) runs body(context) with its first allocation failing, then with its
 * second, ... until a run meets no failure and succeeds. Each run but the last must return
 * CCLIP_ERROR_MEMORY with a message and leave nothing behind; a leak shows under the sanitizers and
 * valgrind, a crash shows by itself. Where an allocation may fail without harm (a cache, say), body may
 * return CCLIP_OK all the same.
 *
 * body must be a whole life: open, use, close, starting from nothing each time. Returns how many
 * allocations one run makes. */
#ifndef CCLIP_TESTS_FAULT_H
#define CCLIP_TESTS_FAULT_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/memory.h"
#include "base/status.h"

typedef cclip_status cclip_fault_body(void *context);

/* `step` > 1 samples: every step-th allocation, for bodies that make very many. */
static inline unsigned long cclip_fault_every(cclip_fault_body *body, void *context, unsigned long step)
{
    enum { MOST = 1000000 };
    cclip_memory_fail_at(0);
    cclip_status status = body(context);
    const unsigned long wanted = cclip_memory_fail_at(0);
    if (status)
        fail_msg("without a failing allocation: %s: %s", cclip_status_name(status), cclip_error_message());
    for (unsigned long n = 1; n < MOST; n += step) {
        cclip_memory_fail_at(n);
        status = body(context);
        const unsigned long made = cclip_memory_fail_at(0);
        if (made < n) { /* the n-th was never asked for: all have been failed */
            if (status)
                fail_msg("no allocation failed, but: %s", cclip_error_message());
            return wanted;
        }
        if (status != CCLIP_OK && status != CCLIP_ERROR_MEMORY)
            fail_msg("allocation %lu failed, but the status is %s: %s", n, cclip_status_name(status),
                     cclip_error_message());
        if (status && !strstr(cclip_error_message(), "out of memory"))
            fail_msg("allocation %lu failed, but the message is: %s", n, cclip_error_message());
    }
    fail_msg("more than %d allocations: use a larger step", MOST);
    return 0;
}

static inline unsigned long cclip_fault_each(cclip_fault_body *body, void *context)
{
    return cclip_fault_every(body, context, 1);
}

#endif
