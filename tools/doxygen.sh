#!/bin/sh
# The API reference, from the comments of the public headers: BUILD/docs/html/index.html. A public name
# without a comment, or a comment that doxygen cannot make sense of, is a failure. Usage: doxygen.sh BUILD
build=$(cd "$1" && pwd) || exit 1
cd "$(dirname "$0")/.." || exit 1
command -v doxygen >/dev/null || { echo "doxygen is not installed: make deps"; exit 77; }
mkdir -p "$build/docs"
{
	cat docs/Doxyfile
	echo "OUTPUT_DIRECTORY = $build/docs"
	echo "PROJECT_NUMBER = $(sed -n 's/#define CCLIP_VERSION_STRING "\(.*\)"/\1/p' include/cclip/version.h)"
} | doxygen - || exit 1
echo "$build/docs/html/index.html"
