#!/bin/sh
# Evaluates a trained model and writes its card: recipes/icons/evaluate.sh CORPUS RUN [MODEL ...]
#
# Measures RUN/train/model (and each MODEL beside it) on the sets of STARTER/eval that are there: RUN/results.jsonl and
# RUN/results.csv. Then packs RUN/train/model as f16 into RUN/model with README.md (the card) and DATA-NOTICES.
#
#   CCLIP     the program (default: build/cclip)
#   STARTER   folder with eval/ (default: ../shared/starter beside the checkout)
set -eu
here=$(cd "$(dirname "$0")" && pwd)
usage="usage: recipes/icons/evaluate.sh CORPUS RUN [MODEL ...]"
corpus=${1:?$usage} run=${2:?$usage}
shift 2
cclip=${CCLIP:-$here/../../build/cclip}
eval=${STARTER:-$here/../../../shared/starter}/eval
[ -d "$run/train/model" ] || { echo "evaluate.sh: $run/train/model is not there: the training has not ended" >&2; exit 1; }
rm -rf "$run/model"
python3 "$here/pack.py" "$run/train/model" "$run/model"
: >"$run/results.jsonl"
if [ -d "$eval" ]; then
    { printf 'name\tkind\tpath\n'
      for set in openmoji_seen:emoji openmoji_unseen:emoji lucide:icons clothing:clothes grocery:goods; do
          [ ! -d "$eval/${set%:*}" ] || printf '%s\t%s\t%s\n' "${set%:*}" "${set#*:}" "$(cd "$eval/${set%:*}" && pwd)"
      done; } >"$run/suite.tsv"
    set -- --model "$run/model" $(for model in "$@"; do printf -- '--model %s ' "$model"; done)
    "$cclip" evaluate --suite "$run/suite.tsv" "$@" --output "$run/results.jsonl" --csv "$run/results.csv"
else
    echo "evaluate.sh: $eval is not there: the card has no figures" >&2
fi
python3 "$here/card.py" "$corpus" "$run"
