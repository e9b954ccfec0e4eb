#!/bin/sh
# Runs one test of the command line. Usage: run.sh [--update] FOLDER
#
# FOLDER (tests/cli/<name>) holds
#   cmd            shell commands, run in an empty folder (helpers.sh says what they may use)
#   stdin          what they read (default: nothing)
#   stdout.exact   the exact output, or stdout.match: a regular expression a line, "..." for any lines;
#                  neither: there must be no output. The same for stderr.
#   exit           the exit status (default: 0)
# How far a command is, which it says every five seconds where a machine is slow, is in no stderr.
# --update writes stdout.exact, stderr.exact and exit from what happens now; .match files are kept.
update=
if [ "$1" = --update ]; then
    update=1
    shift
fi
folder=$(cd "$1" && pwd) || exit 2
here=$(cd "$(dirname "$0")" && pwd)
. "$here/helpers.sh"
exec 3>&2
enter_work_folder

input=/dev/null
[ -f "$folder/stdin" ] && input=$folder/stdin
(set +e; . "$folder/cmd") <"$input" >"$top/stdout" 2>"$top/stderr"
status=$?
[ -e "$top/skipped" ] && exit 77
tidy "$top/stdout"
tidy "$top/stderr"
grep -v -a -E '^cclip: [0-9]+( of [0-9]+)? [a-z ]+, [0-9.]+/s(, [0-9:]+ left)?$' "$top/stderr" >"$top/said" || true
mv "$top/said" "$top/stderr"

# check stdout|stderr
check() {
    if [ -f "$folder/$1.match" ]; then
        awk -f "$here/match.awk" "$folder/$1.match" "$top/$1" >"$top/difference" && return 0
    elif [ -n "$update" ]; then
        rm -f "$folder/$1.exact"
        [ ! -s "$top/$1" ] || cp "$top/$1" "$folder/$1.exact"
        return 0
    elif [ -f "$folder/$1.exact" ]; then
        diff -u "$folder/$1.exact" "$top/$1" >"$top/difference" && return 0
    else
        diff -u /dev/null "$top/$1" >"$top/difference" && return 0
    fi
    echo "$1 differs:"
    cat "$top/difference"
    return 1
}

expected=0
[ -f "$folder/exit" ] && expected=$(cat "$folder/exit")
if [ -n "$update" ]; then
    rm -f "$folder/exit"
    [ $status -eq 0 ] || echo $status >"$folder/exit"
    expected=$status
fi
good=0
check stdout || good=1
check stderr || good=1
if [ $status -ne "$expected" ]; then
    echo "exit status $status, expected $expected; on stderr:"
    cat "$top/stderr"
    good=1
fi
exit $good
