#!/bin/sh
# Classifies a gallery of pictures with the model that ships with cclip, prints what it sees, and
# writes a page of the pictures with their labels as bars. Environment: CCLIP is the program
# (default build/cclip), CCLIP_DEMO_PAGE the page (default build/demo.html).
here=$(cd "$(dirname "$0")" && pwd) || exit 1
root=$(cd "$here/../.." && pwd) || exit 1
program=${CCLIP:-$root/build/cclip}
page=${CCLIP_DEMO_PAGE:-$root/build/demo.html}
[ -x "$program" ] || { echo "demo.sh: no program at $program; run \"make\" first" >&2; exit 1; }
mkdir -p "$(dirname "$page")" || exit 1

"$program" --version
printf '%s\n\n' 'A gallery of 3D emoji. For each picture the model chooses among about ten labels (it never saw some of them).'
"$program" classify --gallery "$here/gallery.jsonl" --model "$root/share/model" --templates-from icon \
    --sheet "$page" </dev/null || exit $?
printf '\nThe same as a page to look at: %s\n' "$page"
printf 'Your own pictures: %s classify PICTURE... --labels cat,dog,bicycle\n' "$program"
