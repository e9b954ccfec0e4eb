#!/bin/sh
# Runs one test with what every test may rely on. Usage: run_test.sh PROGRAM [ARGUMENT...]
#
# Exit status 77 means skipped. That is honest where data is absent, but where the golden data lies in
# its usual place nothing may be skipped, so there a skip becomes a failure. (With CCLIP_GOLDEN set, the
# caller points at data of his own, which may well be a part only. CCLIP_ALLOW_SKIP=1 is for a
# machine that lacks a tool and knows it.)
unset CCLIP_MODEL
export XDG_CACHE_HOME="$CCLIP_BINARY/test-cache"
export LC_ALL=C.UTF-8

"$@"
status=$?
if [ $status -eq 77 ] && [ -z "$CCLIP_GOLDEN" ] && [ -z "$CCLIP_ALLOW_SKIP" ] &&
   [ -d "$CCLIP_SOURCE/../shared/golden" ]; then
    echo "$0: this test was skipped although the golden data is there, where nothing may be skipped"
    exit 1
fi
exit $status
