#!/bin/sh
# Builds the corpus: recipes/icons/corpus.sh OUT
#
# Fetches the packages (npm and Debian) into OUT/packages, once; draws, measures and captions what they hold, and leaves
# tar shards, captions.txt, manifest.json and DATA-NOTICES in OUT. Asked again it fetches and draws only what is new.
#
#   CCLIP_BUILD   cclip's build folder (default: build)
#   STARTER       folder with photos/ and eval/ (default: ../shared/starter beside the checkout); without it there are no
#                 photographs, and evaluation pictures are known by the sets they come from
#   PACKAGES      a folder of packages that is there already
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
out=${1:?usage: recipes/icons/corpus.sh OUT}
build=${CCLIP_BUILD:-$root/build}
starter=${STARTER:-$root/../shared/starter}
mkdir -p "$out"
packages=${PACKAGES:-$out/packages}

if [ ! -e "$packages/node_modules/@iconify/json/collections.json" ]; then
    mkdir -p "$packages"
    cp "$here/package.json" "$packages/"
    (cd "$packages" && npm install --no-audit --no-fund --ignore-scripts >&2)
fi
if [ ! -e "$packages/debian/versions" ] && command -v dpkg-deb >/dev/null; then
    mkdir -p "$packages/debian"
    for name in openclipart-svg sweethome3d-furniture wordnet-base; do
        (cd "$packages" && apt-get download "$name" >&2) || { echo "corpus.sh: no package $name" >&2; continue; }
        dpkg-deb -x "$packages/$name"_*.deb "$packages/debian"
        echo "$name $(dpkg-deb -f "$packages/$name"_*.deb Version)" >>"$packages/debian/versions.part"
    done
    [ ! -e "$packages/debian/versions.part" ] || mv "$packages/debian/versions.part" "$packages/debian/versions"
fi
[ -x "$build/recipes/icons_draw" ] || { echo "corpus.sh: $build/recipes/icons_draw is not there: build cclip first" >&2; exit 1; }
cd "$here"
exec python3 -m corpus --packages "$packages" --programs "$build/recipes" --out "$out" --photos "$starter/photos" --eval "$starter/eval"
