#!/bin/sh
# Writes docs/verbs.md from the program's tables of options. With --check, fails if it differs.
# Usage: verbs_page.sh PROGRAM [--check]
cd "$(dirname "$0")/.." || exit 1
page=docs/verbs.md
write() {
    printf '# The verbs\n\nMade by `make docs` from the tables that the program reads its options by.\n\n'
    "$1" --generate markdown | cat -s | sed -e :a -e '/^\n*$/{$d;N;ba' -e '}'
}
if [ "$2" = --check ]; then
    write "$1" | diff -u "$page" - || { echo "$page is not what the program says: run make docs"; exit 1; }
else
    write "$1" >"$page.new" && mv "$page.new" "$page"
fi
