#!/bin/sh
# Trains the model: recipes/icons/train.sh CORPUS RUN [option of cclip train ...]
#
# Learns a vocabulary from the corpus's captions (RUN/vocabulary) and trains (RUN/train). Stopped at any moment, the same command
# goes on. Options behind RUN come last and so override those below.
#
#   CCLIP      the program (default: build/cclip)
#   EPOCHS     of EPOCH samples each (default: 10 of 128,000; the learning rate falls in the last 3)
#   MODEL      the network (default: model.json beside this file)
#   PRECISION  bf16 (default), or f32 for processors whose bf16 is no faster
#   STARTER    folder with eval/ (default: ../shared/starter beside the checkout): each epoch is judged by the sets that are there
set -eu
here=$(cd "$(dirname "$0")" && pwd)
corpus=${1:?usage: recipes/icons/train.sh CORPUS RUN [option ...]} run=${2:?usage: recipes/icons/train.sh CORPUS RUN [option ...]}
shift 2
cclip=${CCLIP:-$here/../../build/cclip}
epochs=${EPOCHS:-10} epoch=${EPOCH:-128000} model=${MODEL:-$here/model.json}
eval=${STARTER:-$here/../../../shared/starter}/eval
mkdir -p "$run"
[ -e "$run/vocabulary" ] || "$cclip" train-tokenizer --size 8192 --context 24 -o "$run/vocabulary" "$corpus/captions.txt"
mix=$(python3 "$here/mix.py" "$corpus" "$epoch")
judges=
for set in openmoji_seen openmoji_unseen lucide clothing grocery; do
    [ ! -d "$eval/$set" ] || judges="$judges--zeroshot-set
$eval/$set
"
done
# Nothing is mirrored: "arrow left" must stay true of its picture.
set -f
IFS='
'
exec "$cclip" train --model "$model" --vocab "$run/vocabulary/vocab.json" --dataset-type webdataset $mix --background white \
    --group-key name --batch-size 256 --epochs "$epochs" --lr 1.2e-3 --wd 0.1 --warmup 300 --beta2 0.98 --eps 1e-6 \
    --lr-scheduler const-cooldown --epochs-cooldown 3 --ema 0.999 --precision "${PRECISION:-bf16}" $judges--zeroshot-frequency 1 \
    --grad-clip-norm 1 --aug-cfg scale=0.8,1 --aug-cfg ratio=0.85,1.18 --aug-cfg affine=0.8 \
    --aug-cfg degrees=8 --aug-cfg shift=0.1 --aug-cfg zoom=0.85,1.1 --aug-cfg edge --aug-cfg random_background=0.4 \
    --seed 0 --logs "$run" --name train --resume latest --save-every-seconds 600 --delete-previous-checkpoint \
    --log-every-n-steps 50 "$@"
