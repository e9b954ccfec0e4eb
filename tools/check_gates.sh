#!/bin/sh
# The gates can fail: each is let loose on a small tree with planted faults, and must find every one.
here=$(cd "$(dirname "$0")" && pwd)
tree=$(mktemp -d) || exit 1
trap 'rm -rf "$tree"' EXIT
export CCLIP_GATE_ROOT="$tree"
mkdir -p "$tree/src/base" "$tree/src/nn" "$tree/include/cclip" "$tree/docs"
: >"$tree/src/CMakeLists.txt"
good=0

# expect GATE PROBLEMS: what the gate says of the tree now
expect() {
    said=$(python3 "$here/check_$1.py" 2>&1)
    case $said in
    *"check_$1: $2 problem"*) ;;
    *) echo "check_$1 should find $2 problems, but says:"; echo "$said"; good=1 ;;
    esac
}

for gate in includes lengths whitespace functions links; do
    expect $gate 0
done

printf '%s\n' '#include "cpu/product.h"' '#include <jansson.h>' '#include "linear.h"' '#include "base/status.h"' \
    '#include "models/config.h"' '#include <stdio.h>' '#include <unheard_of.h>' >"$tree/src/nn/linear.c"
printf '%s\n' 'cclip_room(nn USES image)' >"$tree/src/CMakeLists.txt"
expect includes 6

{
    echo 'static int table[] = {'
    seq -s ',' 1 900 | tr ',' '\n' | sed 's/$/,/'
    echo '};'
    echo 'int cclip_long(int a)'
    echo '{'
    yes '    a++; /* { */' | head -n 100
    echo '    return a;'
    echo '}'
    echo '/* long: it is a table */'
    echo 'int cclip_excused(int a)'
    echo '{'
    yes '    a += "}"[0];' | head -n 100
    echo '    return a;'
    echo '}'
} >"$tree/src/base/long.c"
expect lengths 2

printf 'int a; \n\tint b;\nint c;\r\nint \342\200\256d;\nint e;' >"$tree/src/base/white.c"
expect whitespace 6 # the carriage return is white space at the end, too

printf '%s\n' 'void f(char *p) { strcpy(p, "x"); exit(1); free(p); }' 'void g(void) { printf("x"); }' \
    'void *h(void) { return malloc(1); }' 'void *i(void) { return malloc(1); /* allowed: a test */ }' \
    '/* strcpy( */ const char *j = "abort()";' >"$tree/src/base/calls.c"
expect functions 4

printf '%s\n' '[there](page.md) [not](gone.md) [far](https://example.org/x) `[code](no.md)`' >"$tree/docs/page.md"
expect links 1
exit $good
