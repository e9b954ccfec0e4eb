#!/bin/sh
# Runs an example as its test does. Usage: run.sh NAME PROGRAM
#
# The arguments come from arguments.txt: a line "NAME argument...", written as in a shell, with
# $CCLIP_SOURCE for the checkout. The current folder is a fresh one. $CCLIP_RUN may hold a tool to
# run it under, such as valgrind.
here=$(cd "$(dirname "$0")" && pwd)
: "${CCLIP_SOURCE:=$(dirname "$here")}"
program=$(cd "$(dirname "$2")" && pwd)/${2##*/}
arguments=$(sed -n "s/^$1 *//p" "$here/arguments.txt")
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
eval "set -- $arguments"
$CCLIP_RUN "$program" "$@"
