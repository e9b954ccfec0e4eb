#!/bin/sh
# Writes docs/bad_input.md from the table tests/cli/bad_input.tsv. With --check, fails if it differs.
cd "$(dirname "$0")/.." || exit 1
page=docs/bad_input.md
write() {
    cat <<'END'
# What bad input gets

Each line is a test (`ctest -R bad_input`): the command is run, and its one line on stderr and its exit
status must be exactly these. Nothing comes out on stdout, nothing half-written stays behind. Exit
status 1 is a failure, 2 wrong usage, 3 done with some inputs skipped. This page is made from
`tests/cli/bad_input.tsv` by `tools/bad_input_page.sh`; how the broken files are made stands there too.

| what is wrong | command | exit | message |
| --- | --- | --- | --- |
END
    awk -F '\t' '
        function cell(text) {
            gsub(/\|/, "\\|", text)
            return text
        }
        function code(text) {
            fence = index(text, "`") ? "`` " : "`"
            return fence cell(text) (length(fence) > 1 ? " ``" : "`")
        }
        /^#/ || NF < 7 { next }
        { printf "| %s%s | %s | %s | %s |\n", cell($3), $2 == "-" ? "" : " (as " $2 ")", code($5), $6, code($7) }' \
        tests/cli/bad_input.tsv
}
if [ "$1" = --check ]; then
    write | diff -u "$page" - || { echo "$page is not what its table says: run tools/bad_input_page.sh"; exit 1; }
else
    write >"$page.new" && mv "$page.new" "$page"
fi
