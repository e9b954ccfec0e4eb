#!/bin/sh
# Removes the files that an install manifest lists, and the folders of ours that are empty then.
# Usage: uninstall.sh MANIFEST  ($DESTDIR as at the installation)
[ -f "$1" ] || { echo "$1: no such file: nothing was installed from this build folder" >&2; exit 1; }
while IFS= read -r file || [ -n "$file" ]; do
    rm -f "$DESTDIR$file"
    folder=$(dirname "$file")
    while case $folder in */cclip | */cclip/*) true ;; *) false ;; esac; do
        rmdir "$DESTDIR$folder" 2>/dev/null || break
        folder=$(dirname "$folder")
    done
done <"$1"
