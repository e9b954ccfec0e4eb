#!/bin/sh
# Writes docs/bad_input.md from the table tests/cli/bad_input.tsv. With --check, fails if it differs.
cd "$(dirname "$0")/.." || exit 1
page=docs/bad_input.md
write() {
    cat <<'END'
# What bad input gets

Each line is a test (`ctest -R bad_input`): the command is run, and its line on stderr and its exit status
must be exactly these. Exit status 1 is a failure, 2 wrong usage: then nothing comes out on stdout, and
nothing half-written stays behind. 3 is done with some inputs skipped: each is named, and they are
counted. 0 is a warning. `{*}` stands for words of a system library, which change with its version;
`@CACHE@`, `@SOURCE@` and `@WORK@` stand for folders.

This page is made from `tests/cli/bad_input.tsv` by `tools/bad_input_page.sh`; how the broken files are made
stands there too. The readers have tests of their own (`ctest -L fault`, `ctest -L fuzz`), in which files are
cut short, changed at random, and read while memory runs out.
END
    awk -F '\t' '
        function code(text,    fence) {
            gsub(/\|/, "\\|", text)
            fence = index(text, "`") ? "``" : "`"
            return fence == "`" ? "`" text "`" : "`` " text " ``"
        }
        function messages(text,    count, lines, i, out) {
            count = split(text, lines, /\\n/)
            for (i = 1; i <= count; i++)
                out = out (i > 1 ? "<br>" : "") code(lines[i])
            return out
        }
        /^## / { printf "\n%s\n\n| what is wrong | command | exit | message |\n| --- | --- | --- | --- |\n", $0 }
        /^#/ || NF < 7 { next }
        { printf "| %s%s | %s | %s | %s |\n", $3, $2 == "-" ? "" : " (as " $2 ")", code($5), $6, messages($7) }' \
        tests/cli/bad_input.tsv
}
if [ "$1" = --check ]; then
    write | diff -u "$page" - || { echo "$page is not what its table says: run tools/bad_input_page.sh"; exit 1; }
else
    write >"$page.new" && mv "$page.new" "$page"
fi
