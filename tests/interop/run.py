"""cclip against the torch, transformers and open_clip that people install today, both ways.

    python run.py --cclip build/release/cclip [--models FOLDER] [--shared ../shared]

Writes small random models with those libraries and reads them with cclip; converts them with cclip and reads them back with
those libraries; compares token ids, and the predictions of the starter model. What needs `shared` (or $CCLIP_GOLDEN and
$CCLIP_VOCAB in its place) is skipped, by name, without it.
"""

import argparse
import json
import os
import sys
import tempfile
import time

import read_models
import trained
import write_models
from cclip_commands import Cclip
from report import Report

import models
import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))


def check_reading(report, cclip, folder):
    """cclip reads a folder that a library wrote."""
    case = read_models.load_case(folder)
    for checkpoint in [case["checkpoint"], *case.get("also", [])]:
        model = os.path.normpath(os.path.join(folder, checkpoint))

        def embeddings():
            image = cclip.embed_pixels(model, os.path.join(folder, "image.npy"))
            text = cclip.embed_tokens(model, os.path.join(folder, "tokens.npy"))
            off = [read_models.largest_difference(got, np.load(os.path.join(folder, name)))
                   for got, name in ((image, "image_embeds_norm.npy"), (text, "text_embeds_norm.npy"))]
            return max(off) <= case["tolerance"], f"image {off[0]:.1e} text {off[1]:.1e}"

        name = case["case"] + ("" if checkpoint == "." else f" ({checkpoint})")
        report.check(name, embeddings)
    if "picture" in case:
        def picture():
            got = cclip.preprocess(folder, os.path.join(folder, case["picture"]))
            off = read_models.largest_difference(got, np.load(os.path.join(folder, "picture_pixels.npy")))
            return off <= 1e-5, f"{off:.1e}"
        report.check(case["case"] + ": preprocessing", picture)
    if "tokenizer_cases" in case:
        with open(os.path.join(folder, "tokenizer_cases.jsonl"), encoding="ascii") as lines:
            cases = [json.loads(line) for line in lines]
        read_models.compare_ids(report, cclip, case["case"] + ": ids", folder, [c["text"] for c in cases], [c["ids"] for c in cases])


def check_beside_clip_cpp(report, cclip, folder, shared):
    """Those asks of clip_cpp.py that need no model of 2 GB."""
    import clip_cpp
    if not clip_cpp.installed():
        report.skip("clip.cpp", "clip_cpp from PyPI is not there (it is made for x86-64 Linux)")
        return
    if not clip_cpp.inputs_there(shared):
        report.skip("clip.cpp", f"{shared} has no golden data, vocabulary or photographs")
        return
    bench = clip_cpp.make_bench(cclip, None, shared, folder)
    for ask in clip_cpp.SMALL_ASKS:
        for row in clip_cpp.rows_of(bench, ask):
            report.check(f"ask {row.ask}: {row.what}", lambda row=row: (row.right, f"{row.cclip} (clip.cpp: {row.clip_cpp})"))


def run_all(report, cclip, folder, shared):
    report.heading("Written by transformers and open_clip, read by cclip")
    start = time.monotonic()
    folders = write_models.write(folder)
    print(f"  ({len(folders)} models written in {time.monotonic() - start:.0f} s)")
    for one in folders:
        check_reading(report, cclip, one)
    report.heading("Converted by cclip, read strictly by transformers and open_clip")
    read_models.check_converted(report, cclip, folders)
    report.heading("Token ids of transformers' fast tokenizer")
    merge_list = os.path.join(os.environ.get("CCLIP_VOCAB") or os.path.join(shared, "vocab"), "bpe_simple_vocab_16e6.txt.gz")
    lines = os.path.join(os.environ.get("CCLIP_GOLDEN") or os.path.join(shared, "golden"), "tokenizer", "dev.jsonl")
    if os.path.exists(merge_list) and os.path.exists(lines):
        read_models.check_tokenizer(report, cclip, merge_list, lines)
    else:
        report.skip("ids of the full vocabulary", f"{merge_list} or {lines} is not there")
    read_models.check_trained_vocabulary(report, cclip)
    report.heading("Trained by cclip, read strictly by open_clip and transformers; open_clip's own training beside it")
    trained.check_trained(report, cclip)
    report.heading("The starter model, read by open_clip and by cclip")
    starter = os.path.join(shared, "starter")
    if os.path.exists(os.path.join(starter, "model")):
        read_models.check_starter(report, cclip, os.path.join(starter, "model"), os.path.join(starter, "eval"))
    else:
        report.skip("starter", f"{starter} is not there")
    report.heading("Beside clip.cpp: the reference's results, where clip.cpp fails and where not")
    check_beside_clip_cpp(report, cclip, folder, shared)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cclip", required=True, help="the program to test")
    parser.add_argument("--models", help="write the models there and keep them (default: a temporary folder)")
    parser.add_argument("--shared", default=os.path.join(HERE, "..", "..", "..", "shared"))
    options = parser.parse_args()
    if not os.access(options.cclip, os.X_OK):
        parser.error(f"{options.cclip} is not a program")
    report, cclip = Report(), Cclip(options.cclip)
    print("  ".join(f"{name} {version}" for name, version in models.versions().items()))
    with tempfile.TemporaryDirectory() as scratch:
        run_all(report, cclip, options.models or scratch, os.path.normpath(options.shared))
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
