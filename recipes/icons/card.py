#!/usr/bin/env python3
"""Writes a model's card and its data's notices. usage: card.py CORPUS RUN

RUN/model gets README.md, from the corpus's manifest, the run's params.txt, metrics.jsonl and checkpoints/results.jsonl and the figures in
results.jsonl, with RUN/notes.md behind it where that is there, and DATA-NOTICES."""
import json
import os
import shutil
import sys

KINDS = {"openmoji_seen": "concepts that other styles showed in training", "openmoji_unseen": "concepts never seen in any style",
         "lucide": "line icons of a set never seen", "clothing": "photographs", "grocery": "photographs",
         "emoji": "concepts never seen, of styles that were", "icons": "the same", "clip-art": "the same", "furniture": "the same", "signs": "the same",
         "style": "eight ways to draw", "emotion": "faces, most of them OpenMoji's"}

TOP_1 = "-zeroshot-val-top1"


def lines_of(path):
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file if line.strip()]


def percent(value):
    return "-" if value is None else f"{100 * value:.2f}"


def architecture(config):
    model = config.get("model_cfg", config)
    image, text = model["vision_cfg"], model["text_cfg"]
    layers = image["layers"]
    tower = (f"ModifiedResNet ({', '.join(map(str, layers))}), {image['width']} wide" if isinstance(layers, list) else
             f"Vision Transformer {image['width']} wide, {layers} layers, patches of {image['patch_size']}")
    return (f"{tower}, {image['image_size']} x {image['image_size']} pixels; text Transformer {text['width']} wide, {text['layers']} layers, "
            f"context {text['context_length']}, its own vocabulary of {text['vocab_size']:,} tokens; embeddings of {model['embed_dim']}")


def figures(results):
    own = [row for row in results if row["pretrained"] == results[0]["pretrained"]] if results else []
    if not own:
        return ["Not measured: the evaluation sets were not there."]
    out = ["| set | pictures | top-1 (95 % interval) | top-5 | mean per-class recall |", "| --- | --- | --- | --- | --- |"]
    for row in own:
        metrics, low_high = row["metrics"], row.get("intervals", {}).get("acc1")
        interval = f" ({percent(low_high[0])} to {percent(low_high[1])})" if low_high else ""
        about = f" ({KINDS[row['dataset']]})" if row["dataset"] in KINDS else ""
        out.append(f"| {row['dataset']}{about} | {row.get('samples', '-'):,} | {percent(metrics['acc1'])}{interval} | "
                   f"{percent(metrics.get('acc5'))} | {percent(metrics['mean_per_class_recall'])} |")
    return out


def curve(rows, pairs):
    """What judged the run on its way, of the weights that would have been written."""
    sets = [key[:-len(TOP_1)] for key in rows[0] if key.endswith(TOP_1)] if rows else []
    if not sets:
        return []
    out = ["Top-1 on the way:", "", f"| samples | {' | '.join(sets)} |", "| --- |" + " --- |" * len(sets)]
    return out + [f"| {(row['step'] + 1) * pairs:,} | {' | '.join(percent(row.get(name + TOP_1)) for name in sets)} |" for row in rows] + [""]


def training(run, params):
    steps = lines_of(os.path.join(run, "train/metrics.jsonl"))
    pairs = int(params.get("batch_size", 0))
    count = steps[-1]["step"] + 1 if steps else 0
    average = f"; what is written is the moving average of the weights ({params['ema']})" if float(params.get("ema", 0)) else ""
    notes = os.path.join(run, "notes.md")
    out = ["## How it was trained", "",
           f"{count:,} steps of {pairs} pairs, {count * pairs:,} samples seen; learning rate {params.get('lr')}, {params.get('lr_scheduler')}, over "
           f"{params.get('epochs')} epochs; {params.get('precision')}{average}.", "", *curve(lines_of(os.path.join(run, "train/checkpoints/results.jsonl")), pairs)]
    if os.path.exists(notes):
        with open(notes, encoding="utf-8") as file:
            out += [file.read().strip(), ""]
    return out + ["Made by `recipes/icons`: corpus.sh, train.sh, evaluate.sh."]


def card(corpus, run):
    with open(os.path.join(corpus, "manifest.json"), encoding="utf-8") as file:
        manifest = json.load(file)
    with open(os.path.join(run, "model/open_clip_config.json"), encoding="utf-8") as file:
        config = json.load(file)
    with open(os.path.join(run, "train/params.txt"), encoding="utf-8") as file:
        params = dict(line.rstrip("\n").split(": ", 1) for line in file if ": " in line)
    size = os.path.getsize(os.path.join(run, "model/open_clip_model.safetensors"))
    totals, pools = manifest["totals"], manifest["pools"]
    pools_said = ", ".join(f"{name} {about['samples']:,}" for name, about in pools.items())
    samples = sum(about["samples"] for about in pools.values())
    looked_at = sum(count for what, count in totals.items() if what != "seen")
    left_out = ", ".join(f"{count:,} {what}" for what, count in sorted(totals.items()) if what not in ("seen", "kept"))
    return ["---", "license: mit", "---", "# A model of icons, emoji, clip art, clothes and groceries", "",
            f"An open_clip folder: {architecture(config)}. {size / 1e6:.1f} MB, matrices as F16. Licence: MIT.", "",
            "It knows icons, emoji, clip art, furniture, ten kinds of clothes and 81 kinds of groceries, in short English. It does not know "
            "photographs in general, people, or long sentences. Transparent pictures are laid on white (`preprocess_cfg.background`).", "",
            "## What it reaches", "", *figures(lines_of(os.path.join(run, "results.jsonl"))), "",
            "## What it was trained on", "",
            f"{totals.get('kept', 0):,} pictures under permissive licences ({', '.join(manifest['licences'])}), each source with its author in "
            f"`DATA-NOTICES`. They make {samples:,} samples, as an icon of one colour is there in two other colours too: {pools_said}. "
            f"Of the {looked_at:,} pictures that were looked at these were left out: {left_out}. One concept in ten was held out in every source; OpenMoji, "
            f"lucide and their kin were never trained on, nor a picture nearer than {manifest['limits']['evaluation']} thousandths (photographs: {manifest['limits']['evaluation_photographs']}) to one of the evaluation "
            "(`recipes/icons/README.md`).", "", *training(run, params)]


def main():
    corpus, run = sys.argv[1:3]
    with open(os.path.join(run, "model/README.md"), "w", encoding="utf-8") as file:
        file.write("\n".join(card(corpus, run)) + "\n")
    shutil.copyfile(os.path.join(corpus, "DATA-NOTICES"), os.path.join(run, "model/DATA-NOTICES"))


main()
