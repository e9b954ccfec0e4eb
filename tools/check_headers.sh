#!/bin/sh
# Every public header alone is good C11 and good C++11. Usage: check_headers.sh CC CXX
cc=${1:-cc} cxx=${2:-c++}
cd "$(dirname "$0")/.." || exit 1
problems=0
# try HEADER COMPILER FLAG...
try() {
    header=$1
    shift
    printf '#include <cclip/%s>\n' "$header" | "$@" -Iinclude -Wall -Wextra -Wundef -pedantic -Werror -fsyntax-only - ||
        { echo "include/cclip/$header: not good for: $*"; problems=$((problems + 1)); }
}
for path in include/cclip/*.h; do
    header=${path##*/}
    try "$header" "$cc" -std=c11 -Wstrict-prototypes -xc
    try "$header" "$cxx" -std=c++11 -xc++
done
echo "check_headers: $problems problems"
[ $problems -eq 0 ]
