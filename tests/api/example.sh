#!/bin/sh
# Runs an example and holds what it prints to tests/api/examples/NAME.match (a regular expression a line;
# the last digit of a cosine is left open, since kernels round differently). Usage: example.sh NAME PROGRAM
here=$(cd "$(dirname "$0")" && pwd)
output=$(mktemp) || exit 1
trap 'rm -f "$output"' EXIT
sh "$here/../../examples/run.sh" "$1" "$2" >"$output" || exit 1
awk -f "$here/../cli/match.awk" "$here/examples/$1.match" "$output"
