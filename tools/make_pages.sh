#!/bin/sh
# Writes man pages and shell completions, which the program makes from its tables of options.
# Usage: make_pages.sh PROGRAM FOLDER  ->  FOLDER/man/man1/*.1, FOLDER/completions/{cclip.bash,_cclip,cclip.fish}
program=$1 folder=$2
rm -rf "$folder/man" "$folder/completions"
mkdir -p "$folder/man/man1" "$folder/completions" || exit 1
verbs=$("$program" --help | awk '/^Verbs:/ { on = 1; next } /^$/ { on = 0 } on { print $1 }') || exit 1
"$program" --generate man >"$folder/man/man1/cclip.1" || exit 1
for verb in $verbs; do
    "$program" --generate man "$verb" >"$folder/man/man1/cclip-$verb.1" || exit 1
done
"$program" --generate bash >"$folder/completions/cclip.bash" &&
    "$program" --generate zsh >"$folder/completions/_cclip" &&
    "$program" --generate fish >"$folder/completions/cclip.fish"
