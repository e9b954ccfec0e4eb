#!/bin/sh
# A student of a quarter of its teacher's size: recipes/distill/distill.sh TEACHER SHARDS RUN [option of cclip train ...]
#
# TEACHER is an open_clip folder of a CLIP with a ResNet, SHARDS tar shards as --train-data takes them ('pairs-{000..009}.tar'). Makes the
# student from the teacher's weights (RUN/begin, by inherit.py), then trains it on the pairs and on what the teacher sees in them
# (RUN/train/model). The same command goes on after a stop. Options behind RUN come last and so override those below.
#
#   CCLIP    the program (default: build/cclip)
#   PYTHON   with numpy (default: python3)
#   SAMPLES  pairs to see (default: 256,000)
#   FIT      shards that the beginning is fitted to (default: the first of SHARDS)
set -eu
here=$(cd "$(dirname "$0")" && pwd)
usage='usage: recipes/distill/distill.sh TEACHER SHARDS RUN [option ...]'
teacher=${1:?$usage} shards=${2:?$usage} run=${3:?$usage}
shift 3
cclip=${CCLIP:-$here/../../build/cclip}
first=$(printf %s "${shards%%::*}" | sed 's/{\([0-9]*\)\.\.[0-9]*}/\1/')
mkdir -p "$run"
# shellcheck disable=SC2086 # FIT is a list
[ -e "$run/begin/open_clip_model.safetensors" ] ||
    "${PYTHON:-python3}" "$here/inherit.py" --cclip "$cclip" "$teacher" "$run/begin" ${FIT:-"$first"}
exec "$cclip" train --model "$run/begin" --distill-model "$teacher" --train-data "$shards" --dataset-type webdataset \
    --train-num-samples "${SAMPLES:-256000}" --group-key name --batch-size 128 --epochs 1 --lr 6e-4 --wd 0.1 --warmup 10 --beta2 0.98 \
    --eps 1e-6 --grad-clip-norm 1 --seed 0 --logs "$run" --name train --resume latest --save-every-seconds 300 \
    --delete-previous-checkpoint --log-every-n-steps 10 "$@"
