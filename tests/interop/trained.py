"""What cclip trains, elsewhere: folders load strictly in open_clip and, converted, in transformers, and give the same embeddings
there; open_clip's own training program gives the same losses on the same pairs.

    python trained.py --cclip PROGRAM

The pairs are one batch, so that both see them whatever their order; pictures have the model's size and the crop is all of them.
open_clip logs 5 digits of a loss, half a unit of which is up to 5e-5 of the difference.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile

import numpy as np
import torch

import models
from cclip_commands import Cclip
from read_models import largest_difference, load_strictly
from report import Report

PAIRS, SIDE, STEPS = 16, 32, 50
TEXT = {"context_length": 16, "vocab_size": 600, "width": 32, "heads": 2, "layers": 2}
VIT = {"layers": 2, "width": 32, "head_width": 16, "patch_size": 8}
NORMS = {"scale_heads": True, "scale_attn_inner": True, "scale_attn": True, "scale_fc": True}
KINDS = { # vision_cfg, and what text_cfg has besides TEXT
    "ViT": (VIT, {}),
    "ResNet": ({"layers": [1, 1, 1, 1], "width": 8, "head_width": 32, "patch_size": None}, {}),
    "custom": ({**VIT, **NORMS, "qk_norm": True, "ls_init_value": 0.1}, {**NORMS, "scaled_cosine_attn": True}),
}
# open_clip 3.3's cosine attention gives torch.bmm four dimensions, which it does not take
PATCHED = "import runpy, torch; torch.bmm = torch.matmul; runpy.run_module('open_clip_train.main', run_name='__main__')"
torch.bmm = torch.matmul
WORDS = "red green blue small large old new round flat soft hard cat dog bird fish tree house car boat cup".split()


def make_pairs(folder):
    """Noise on a coloured ground, and captions; a vocabulary learned from them."""
    from PIL import Image
    random = np.random.default_rng(0)
    captions = []
    with open(os.path.join(folder, "pairs.tsv"), "w", encoding="ascii") as table:
        table.write("filepath\ttitle\n")
        for i in range(PAIRS):
            picture = random.integers(0, 200, 3) + random.integers(0, 56, (SIDE, SIDE, 3))
            name = os.path.join(folder, f"{i}.png")
            Image.fromarray(picture.astype(np.uint8)).save(name)
            captions.append(f"a {WORDS[i % 11]} {WORDS[11 + i % 9]} number {i}")
            table.write(f"{name}\t{captions[-1]}\n")
    return captions


def options(folder, epochs, name):
    return ["--train-data", os.path.join(folder, "pairs.tsv"), "--batch-size", PAIRS, "--epochs", epochs, "--lr", "5e-4",
            "--warmup", 5, "--logs", os.path.join(folder, "logs"), "--name", name, "--log-every-n-steps", 1, "--workers", 1,
            "--precision", "fp32", "--seed", 0]


def cclip_losses(cclip, folder, kind, *more):
    cclip.run("train", *options(folder, STEPS, kind + "-cclip"), "--aug-cfg", "scale=1,1", "--aug-cfg", "ratio=1,1", *more)
    with open(os.path.join(folder, "logs", kind + "-cclip", "metrics.jsonl"), encoding="ascii") as lines:
        return [json.loads(line)["loss"] for line in lines]


def open_clip_losses(folder, kind, model):
    """By open_clip's program as a user starts it."""
    program = ["-c", PATCHED] if kind == "custom" else ["-m", "open_clip_train.main"]
    command = [sys.executable, *program, "--model", "local-dir:" + model, "--dataset-type", "csv",
               *options(folder, STEPS, kind + "-open_clip"), "--aug-cfg", "scale=(1.0,1.0)", "ratio=(1.0,1.0)",
               "--beta2", "0.98", "--eps", "1e-6", "--save-frequency", "0"]
    done = subprocess.run([str(word) for word in command], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          env={**os.environ, "HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"})
    text = done.stdout.decode("utf-8", "replace")
    losses = [float(value) for value in re.findall(r"Contrastive_loss: ([0-9.e+-]+)", text)]
    if len(losses) != STEPS:
        raise RuntimeError(f"open_clip logged {len(losses)} losses: ..." + text[-300:].replace("\n", " "))
    return losses


def make_inputs(folder):
    random = np.random.default_rng(1)
    tokens = random.integers(1, 590, (5, TEXT["context_length"])).astype(np.int64)
    tokens[:, -1] = 599
    np.save(os.path.join(folder, "pixels.npy"), random.standard_normal((5, 3, SIDE, SIDE)).astype(np.float32))
    np.save(os.path.join(folder, "tokens.npy"), tokens)


def same_embeddings(cclip, folder, model, layout):
    """What `layout`'s library makes of a folder beside what cclip makes of the one that it trained."""
    pixels, tokens = (os.path.join(folder, name) for name in ("pixels.npy", "tokens.npy"))
    got = [cclip.embed_pixels(model, pixels), cclip.embed_tokens(model, tokens)]
    if layout == "hf":
        cclip.convert(model, model + "-hf", "hf")
        model += "-hf"
    want = models.embeddings(load_strictly(model, layout), layout, np.load(pixels), np.load(tokens))
    off = [largest_difference(a, b) for a, b in zip(got, want)]
    return max(off) <= 1e-5, f"image {off[0]:.1e} text {off[1]:.1e}"


def check_kind(report, cclip, folder, kind, vocabulary):
    config = os.path.join(folder, kind + ".json")
    with open(config, "w", encoding="ascii") as out:
        vision, text = KINDS[kind]
        json.dump({"embed_dim": 32, "vision_cfg": {"image_size": SIDE, **vision}, "text_cfg": {**TEXT, **text}}, out)
    new = ["--model", config, "--vocab", vocabulary]
    cclip.run("train", *options(folder, 1, kind + "-start"), *new, "--lr", 0)
    cclip.run("train", *options(folder, 3, kind + "-sigmoid"), *new, "--siglip")
    start = os.path.join(folder, "logs", kind + "-start", "model")
    ours = cclip_losses(cclip, folder, kind, "--model", start, "--beta2", "0.98", "--eps", "1e-6")
    for run, layout in [("cclip", "open_clip"), ("sigmoid", "open_clip"), *([("cclip", "hf")] if kind == "ViT" else [])]:
        model = os.path.join(folder, "logs", f"{kind}-{run}", "model")
        report.check(f"{kind}, {run}: {'transformers' if layout == 'hf' else layout} reads it",
                     lambda model=model, layout=layout: same_embeddings(cclip, folder, model, layout))

    def losses():
        theirs = open_clip_losses(folder, kind, start)
        off = [abs(a - b) for a, b in zip(ours, theirs, strict=True)]
        return max(off) <= 1e-4, (f"{STEPS} losses from {ours[0]:.4f} to {ours[-1]:.4f}, largest difference {max(off):.1e} "
                                  f"(step {off.index(max(off))})")
    report.check(f"{kind}: open_clip's own training", losses)


def check_trained(report, cclip):
    with tempfile.TemporaryDirectory() as folder:
        captions = make_pairs(folder)
        make_inputs(folder)
        vocabulary = os.path.join(folder, "vocabulary")
        cclip.train_tokenizer(captions, TEXT["vocab_size"], vocabulary)
        for kind in KINDS:
            check_kind(report, cclip, folder, kind, vocabulary)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cclip", required=True)
    report = Report()
    check_trained(report, Cclip(parser.parse_args().cclip))
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
