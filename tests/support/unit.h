/* What every cmocka test includes: cmocka wants these headers before it. */
#ifndef CCLIP_TESTS_UNIT_H
#define CCLIP_TESTS_UNIT_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/status.h"

/* The message of a failure that was not expected belongs in the test's output. */
#define assert_ok(call)                                                                            \
    do {                                                                                           \
        const cclip_status status_ = (call);                                                       \
        if (status_)                                                                               \
            fail_msg("%s: %s: %s", #call, cclip_status_name(status_), cclip_error_message());      \
    } while (0)

#define assert_fails(expected, call)                                                               \
    do {                                                                                           \
        assert_string_equal(cclip_status_name(expected), cclip_status_name(call));                 \
        assert_true(strlen(cclip_error_message()) > 0);                                            \
        assert_null(strchr(cclip_error_message(), '\n'));                                          \
    } while (0)

#endif
