#!/bin/sh
# Evaluates a trained model and writes its card: recipes/icons/evaluate.sh CORPUS RUN [MODEL ...]
#
# Measures RUN/train/model (and each MODEL beside it) on the sets of STARTER/eval that are there and on those that CORPUS/suite.tsv
# lists (kinds of pictures, of held-out concepts): RUN/results.jsonl and RUN/results.csv. Then packs RUN/train/model as f16 into
# RUN/model with README.md (the card; RUN/notes.md, where you wrote one, goes along) and DATA-NOTICES.
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
rm -rf "$run/model" # packed first: what is measured is what ships
python3 "$here/pack.py" "$run/train/model" "$run/model"
: >"$run/results.jsonl"
{ printf 'name\tkind\tpath\n'
  for set in openmoji_seen:emoji openmoji_unseen:emoji lucide:icons clothing:clothes grocery:goods; do
      [ ! -d "$eval/${set%:*}" ] || printf '%s\t%s\t%s\n' "${set%:*}" "${set#*:}" "$(cd "$eval/${set%:*}" && pwd)"
  done
  [ ! -e "$corpus/suite.tsv" ] || sed 1d "$corpus/suite.tsv" | while IFS="$(printf '\t')" read -r name kind path; do
      printf '%s\t%s\t%s\n' "$name" "$kind" "$(cd "$corpus" && pwd)/$path"
  done; } >"$run/suite.tsv"
[ -d "$eval" ] || echo "evaluate.sh: $eval is not there: the card has no figures of its sets" >&2
for model in "$@"; do # each path becomes --model PATH, also one with blanks in it
    shift
    set -- "$@" --model "$model"
done
"$cclip" evaluate --suite "$run/suite.tsv" --model "$run/model" "$@" --output "$run/results.jsonl" --csv "$run/results.csv"
python3 "$here/card.py" "$corpus" "$run"
