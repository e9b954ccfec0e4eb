"""What open_clip says of the demo's pictures: the numbers to compare `cclip classify` with.

    python gallery_reference.py MODEL [--gallery share/demo] [-o reference.json] [--cclip PROGRAM]

MODEL is an open_clip folder, read strictly by open_clip; pictures with transparency are laid on white first. For every line of
gallery.jsonl: the probabilities of its labels (softmax of logit scale times cosine; template `{}`), its image embedding, and the
label that comes first. With --cclip the program's probabilities are compared with them (within 2e-3).
"""

import argparse
import json
import os
import sys

import numpy as np

import read_models
from cclip_commands import Cclip
from report import Report

HERE = os.path.dirname(os.path.abspath(__file__))


def load_gallery(folder):
    with open(os.path.join(folder, "gallery.jsonl"), encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def reference(model, folder, template="{}"):
    rows = load_gallery(folder)
    scale = float(model.model.logit_scale.exp())
    pictures = model.embed_images([os.path.join(folder, row["file"]) for row in rows])
    out = []
    for row, picture in zip(rows, pictures):
        cosine = model.embed_texts([template.replace("{}", label) for label in row["labels"]]) @ picture
        power = np.exp(scale * (cosine - cosine.max()).astype(np.float64))
        probability = power / power.sum()
        out.append({"file": row["file"], "truth": row["truth"], "top": row["labels"][int(cosine.argmax())],
                    "rank": 1 + int((cosine > cosine[row["labels"].index(row["truth"])]).sum()),
                    "probabilities": {label: round(float(p), 6) for label, p in zip(row["labels"], probability)},
                    "image_embedding": [round(float(x), 7) for x in picture]})
    return out


def accuracy(rows, known):
    right = sum(row["top"] == row["truth"] for row in rows)
    print(f"{right} of {len(rows)} first, {sum(row['rank'] <= 3 for row in rows)} among the first three")
    for name in ("group", "held_out"):
        for value in sorted({str(known[row["file"]].get(name)) for row in rows}):
            some = [row for row in rows if str(known[row["file"]].get(name)) == value]
            print(f"  {name} {value:8} {sum(row['top'] == row['truth'] for row in some)} of {len(some)}")
    for row in rows:
        if row["top"] != row["truth"]:
            print(f"  {row['truth']:14} taken for {row['top']} (true label on place {row['rank']})")


def compare(program, model, folder, rows):
    report, cclip = Report(), Cclip(program)
    for row in rows:
        def classify():
            got = cclip.classify(model, os.path.join(folder, row["file"]), list(row["probabilities"]))
            off = max(abs(got[label] - p) for label, p in row["probabilities"].items())
            return off <= 2e-3, f"{off:.1e}"
        report.check(row["file"], classify)
    return report.finish()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--gallery", default=os.path.join(HERE, "..", "..", "share", "demo"))
    parser.add_argument("-o", "--output")
    parser.add_argument("--cclip")
    options = parser.parse_args()
    rows = reference(read_models.OpenClipModel(options.model), options.gallery)
    if options.output:
        with open(options.output, "w", encoding="utf-8") as out:
            json.dump({"template": "{}", "background": "white", "pictures": rows}, out, indent=1)
    accuracy(rows, {row["file"]: row for row in load_gallery(options.gallery)})
    return compare(options.cclip, options.model, options.gallery, rows) if options.cclip else 0


if __name__ == "__main__":
    sys.exit(main())
