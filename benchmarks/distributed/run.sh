#!/bin/sh
# How much of the communication is hidden behind the backward pass, and how well step times are predicted: two ranks in
# two network namespaces, at several rates (two_hosts.sh). As root. Usage: run.sh CCLIP [RATE...], in Mbit/s
# RANKS_WORK names a folder to keep what it writes.
here=$(cd "$(dirname "$0")" && pwd)
source=$here/../..
program=$(realpath "$1")
shift
[ $# -gt 0 ] || set -- 1600 1000 600 400
work=${RANKS_WORK:-$(mktemp -d)} && cd "$work" || exit 1
[ -n "$RANKS_WORK" ] || trap 'rm -rf "$work"' EXIT
cat >model.json <<'END'
{"embed_dim": 192, "vision_cfg": {"image_size": 64, "layers": 4, "width": 192, "head_width": 64, "patch_size": 8},
 "text_cfg": {"context_length": 16, "vocab_size": 6144, "width": 192, "heads": 3, "layers": 3}}
END
printf 'filepath\ttitle\n' >pairs.tsv
for round in 1 2 3 4 5 6 7 8; do
    for file in "$source"/share/demo/*.webp; do
        printf '%s\ta small %s, number %d\n' "$(realpath "$file")" "$(basename "$file" .webp)" $round
    done
done >>pairs.tsv
for rate in none "$@"; do
    limit=$rate
    [ "$rate" = none ] || limit=${rate}mbit
    "$here/two_hosts.sh" $limit "$program" train --model model.json --vocab "$source/tests/data/vocabulary" --train-data pairs.tsv \
        --batch-size 32 --train-num-samples 1792 --epochs 1 --warmup 10 --lr 1e-4 --log-every-n-steps 1 --save-frequency 0 \
        --threads 1 --workers 1 --bucket-cap-mb 1 --name "$rate" >/dev/null 2>"$rate.log" || { tail -3 "$rate.log"; exit 1; }
done
python3 "$here/predict.py" logs "$@"
