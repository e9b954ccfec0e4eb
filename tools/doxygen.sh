#!/bin/sh
# The API reference, from the comments of the public headers: BUILD/api/html/index.html.
# A comment that doxygen cannot make sense of is a failure. Usage: doxygen.sh BUILD
build=$(cd "$1" && pwd) || exit 1
cd "$(dirname "$0")/.." || exit 1
command -v doxygen >/dev/null || { echo "doxygen is not installed: make deps"; exit 77; }
mkdir -p "$build/api"
doxygen - <<END || exit 1
PROJECT_NAME = cclip
PROJECT_BRIEF = "CLIP in C"
PROJECT_NUMBER = $(sed -n 's/#define CCLIP_VERSION_STRING "\(.*\)"/\1/p' include/cclip/version.h)
INPUT = include/cclip docs/api_reference.md
USE_MDFILE_AS_MAINPAGE = docs/api_reference.md
OUTPUT_DIRECTORY = $build/api
STRIP_FROM_PATH = include
OPTIMIZE_OUTPUT_FOR_C = YES
MACRO_EXPANSION = YES
EXPAND_ONLY_PREDEF = YES
PREDEFINED = CCLIP_API= "CCLIP_PRINTF(a,b)=" __GNUC__=12
GENERATE_LATEX = NO
QUIET = YES
EXTRACT_ALL = YES
WARN_AS_ERROR = FAIL_ON_WARNINGS
JAVADOC_AUTOBRIEF = YES
TYPEDEF_HIDES_STRUCT = YES
END
echo "$build/api/html/index.html"
