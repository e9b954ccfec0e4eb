#!/bin/sh
# Shows what clang-format would change in the lines that differ from BASE (default: the last commit).
# A hint, not a gate: a table that a person aligned may stay as it is. Usage: format_check.sh [BASE]
cd "$(dirname "$0")/.." || exit 1
tool=$(command -v git-clang-format || command -v git-clang-format-14 || ls /usr/bin/git-clang-format* 2>/dev/null | head -n 1)
[ -n "$tool" ] || { echo "git-clang-format is not installed (package clang-format)"; exit 77; }
"$tool" --diff --extensions c,h,cc "${1:-HEAD}" -- src include cli tests benchmarks examples
