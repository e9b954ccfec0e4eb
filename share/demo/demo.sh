#!/bin/sh
# Classifies a gallery of pictures with the model that ships with cclip, prints what it sees (with the
# pictures, where the terminal can show them), and writes a page of the pictures with their labels as
# bars. Environment: CCLIP is the program (default build/cclip of the checkout, else cclip from the
# PATH), CCLIP_DEMO_PAGE the page (default demo.html beside that build's program, else here).
here=$(cd "$(dirname "$0")" && pwd) || exit 1
build=$here/../../build
if [ -z "$CCLIP" ] && [ -x "$build/cclip" ]; then
    CCLIP=$(cd "$build" && pwd)/cclip
    : "${CCLIP_DEMO_PAGE:=${CCLIP%/cclip}/demo.html}"
fi
program=${CCLIP:-$(command -v cclip)}
page=${CCLIP_DEMO_PAGE:-$PWD/demo.html}
[ -x "$program" ] || { echo "demo.sh: no program at ${program:-$build/cclip}; run \"make\" first" >&2; exit 1; }
mkdir -p "$(dirname "$page")" || exit 1

"$program" --version
printf '%s\n' 'A gallery of 3D emoji. For each picture the model chooses among ten labels;' \
    'five of the things it never saw, in any style.' ''
"$program" classify --gallery "$here/gallery.jsonl" --model "$here/../model" --templates-from icon \
    --sheet "$page" </dev/null || exit $?
printf '\nThe same as a page to look at: %s\n' "$page"
printf 'Your own pictures: %s classify PICTURE... --labels cat,dog,bicycle\n' "$program"
