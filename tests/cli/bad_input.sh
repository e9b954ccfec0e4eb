#!/bin/sh
# Runs one line of bad_input.tsv. Usage: bad_input.sh NAME | bad_input.sh --show NAME
#
# The columns, parted by tabs; lines that begin with # are comments:
#   name      of the test, bad_input.<name>
#   user      who runs the command: - or nobody
#   what      what is wrong, in words, for docs/bad_input.md
#   setup     shell commands that make the input in an empty folder (- for none), run as oneself
#   command   the command a user would type
#   status    its exit status
#   message   the one line on stderr, exactly; \n parts lines, where inputs are skipped and counted; {*} stands
#             for words of a system library that change with its version; folders are spelled @GOLDEN@,
#             @SOURCE@, @WORK@, @CACHE@, @VOCAB@
# No temporary file may be left. Where the command fails (1, 2) nothing may come out on stdout, and no file
# may be there that the setup did not make. --show prints what happens instead of judging it.
show=
if [ "$1" = --show ]; then
    show=1
    shift
fi
here=$(cd "$(dirname "$0")" && pwd)
. "$here/helpers.sh"
row=$(awk -F '\t' -v name="$1" '$1 == name' "$here/bad_input.tsv")
[ -n "$row" ] || { echo "no line '$1' in bad_input.tsv"; exit 2; }
column() {
    printf '%s\n' "$row" | cut -f "$1"
}
exec 3>&2
enter_work_folder
user=$(column 2)
setup=$(column 4)
column 5 >"$top/command"
if [ "$setup" != - ]; then
    eval "$setup" >/dev/null || { echo "the setup failed"; exit 1; }
fi
[ "$user" = - ] || [ "$(id -u)" -ne 0 ] || chown "$user" "$top/work"
find . -type f | sort >"$top/before"
as_user "$user" "$top/command" </dev/null >"$top/stdout" 2>"$top/stderr"
status=$?
find . -type f | sort >"$top/after"
tidy "$top/stderr"
column 7 | awk '{ gsub(/\\n/, "\n"); print }' >"$top/expected"
left=$(comm -13 "$top/before" "$top/after")
if [ -n "$show" ]; then
    printf '%s\t%s\n' $status "$(awk 'NR > 1 { printf "\\n" } { printf "%s", $0 }' "$top/stderr")"
    [ -z "$left" ] || echo "left behind: $left"
    [ ! -s "$top/stdout" ] || { echo "on stdout:"; head -5 "$top/stdout"; }
    exit 0
fi
expected=$(column 6)
good=0
case $expected in
1 | 2)
    [ ! -s "$top/stdout" ] || { echo "on stdout:"; head -5 "$top/stdout"; good=1; }
    ;;
*) left=$(printf '%s\n' "$left" | grep -F .tmp-) ;;
esac
awk -f "$here/same_words.awk" "$top/expected" "$top/stderr" || { diff -u "$top/expected" "$top/stderr"; good=1; }
[ -z "$left" ] || { echo "left behind: $left"; good=1; }
[ $status -eq "$expected" ] || { echo "exit status $status, expected $expected"; good=1; }
exit $good
