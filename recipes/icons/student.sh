#!/bin/sh
# A student of a quarter of the size of a model of this corpus: recipes/icons/student.sh CORPUS RUN [TEACHER [option of cclip train ...]]
#
# Runs recipes/distill on the corpus, with the shares and changes of pictures that train.sh has. RUN/train/model is the student; stopped
# at any moment, the same command goes on. TEACHER defaults to the model that ships.
#
#   CCLIP, PYTHON (with numpy), SAMPLES   as in recipes/distill/distill.sh (SAMPLES here: 640,000)
#   PRECISION                             bf16 (default) or f32
set -eu
here=$(cd "$(dirname "$0")" && pwd)
usage='usage: recipes/icons/student.sh CORPUS RUN [TEACHER [option ...]]'
corpus=${1:?$usage} run=${2:?$usage} teacher=${3:-$here/../../share/model}
shift 2
[ $# -eq 0 ] || shift
export SAMPLES="${SAMPLES:-640000}"
mix=$(python3 "$here/mix.py" "$corpus" "$SAMPLES")
# What the beginning is fitted to: pictures of every kind.
fit=
for pool in emoji-000 emoji-001 line-000 line-003 colour-000 solid-000 line-painted-000 photo-clothes-000 photo-groceries-000; do
    [ ! -e "$corpus/$pool.tar" ] || fit="$fit $corpus/$pool.tar"
done
FIT=${FIT:-$fit} exec sh "$here/../distill/distill.sh" "$teacher" "$(printf '%s\n' "$mix" | sed -n 2p)" "$run" \
    --train-data-upsampling-factors "$(printf '%s\n' "$mix" | sed -n 4p)" --background white --batch-size 256 --lr 1.2e-3 --warmup 100 \
    --ema 0.999 --precision "${PRECISION:-bf16}" --aug-cfg scale=0.8,1 --aug-cfg ratio=0.85,1.18 --aug-cfg affine=0.8 --aug-cfg degrees=8 \
    --aug-cfg shift=0.1 --aug-cfg zoom=0.85,1.1 --aug-cfg edge --aug-cfg random_background=0.4 "$@"
