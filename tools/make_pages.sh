#!/bin/sh
# Writes man pages and shell completions; the program makes them from its option tables.
# Usage: make_pages.sh PROGRAM FOLDER  ->  FOLDER/man/man1/*.1, FOLDER/completions/{cclip.bash,_cclip,cclip.fish}
program=$1 folder=$2
set -e
rm -rf "$folder/man" "$folder/completions"
mkdir -p "$folder/man/man1" "$folder/completions"
"$program" --generate man >"$folder/man/man1/cclip.1"
for verb in $("$program" --help | sed -nE 's/^  ([a-z][a-z-]+)  +[^ ].*$/\1/p'); do
    "$program" --generate man "$verb" >"$folder/man/man1/cclip-$verb.1"
done
"$program" --generate bash >"$folder/completions/cclip.bash"
"$program" --generate zsh >"$folder/completions/_cclip"
"$program" --generate fish >"$folder/completions/cclip.fish"
