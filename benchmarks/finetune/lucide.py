#!/usr/bin/env python3
"""Fine-tuning on few lucide icons, judged on the other icons of that set and on what the model knew before.

usage: lucide.py --cclip PROGRAM --starter ../shared/starter [--pairs 200] [--seed 0] [--replay DATA] [--model FOLDER] [-- OPTIONS OF cclip finetune]

The icons are drawn from starter/eval/lucide by the seed; their captions are their class names in the set's own templates, one of them
drawn for each, or all with --all-templates. --replay puts other data beside them, of the kind that the model learned from, say, so that
more may learn and less is forgotten; --control leaves the icons out, which shows what of a gain is theirs. The set without them, clothing
and grocery are evaluated before and after. Several runs: a word + between their options. Needs Python alone; runs are in a temporary
folder. The icons are evaluation data: nothing that learned from them ships.
"""

import argparse
import io
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile


def samples_of(folder):
    """[(name, {extension: bytes})] of a set in CLIP_benchmark's layout."""
    shards = os.path.join(folder, "test")
    found = {}
    for shard in sorted(name for name in os.listdir(shards) if name.endswith(".tar")):
        with tarfile.open(os.path.join(shards, shard)) as tar:
            for member in tar:
                stem, extension = member.name.rsplit(".", 1)
                found.setdefault(stem, {})[extension] = tar.extractfile(member).read()
    return sorted(found.items())


def write_rest(source, target, samples):
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("*.tar"))
    for folder, _, _ in os.walk(target):
        os.chmod(folder, 0o755)
    with tarfile.open(os.path.join(target, "test", "0.tar"), "w") as tar:
        for stem, files in samples:
            for extension, data in files.items():
                entry = tarfile.TarInfo(f"{stem}.{extension}")
                entry.size = len(data)
                tar.addfile(entry, io.BytesIO(data))
    with open(os.path.join(target, "test", "nshards.txt"), "w", encoding="ascii") as count:
        count.write("1\n")


def write_pairs(folder, samples, names, templates, draw):
    """A table of the pictures, each with one of the templates, drawn by draw, or with all of them where draw is None."""
    os.mkdir(folder)
    with open(os.path.join(folder, "pairs.tsv"), "w", encoding="utf-8") as table:
        table.write("filepath\ttitle\tname\n")
        for stem, files in samples:
            extension = next(e for e in files if e != "cls")
            path = os.path.join(folder, f"{stem}.{extension}")
            with open(path, "wb") as out:
                out.write(files[extension])
            name = names[int(files["cls"])]
            for template in [draw.choice(templates)] if draw else templates:
                table.write(f"{path}\t{template.replace('{c}', name)}\t{name}\n")


def top_1(cclip, model, folder):
    done = subprocess.run([cclip, "evaluate", "--model", model, "--dataset", folder, "--json", "--threads", "1"],
                          stdout=subprocess.PIPE, check=True)
    result = json.loads(done.stdout.splitlines()[-1])
    return 100 * result.get("metrics", result)["acc1"]


def show(cclip, what, model, sets, before):
    now = [top_1(cclip, model, folder) for _, folder in sets]
    cells = [f"{name} {value:5.2f}" + (f" ({value - old:+.2f})" if before else "")
             for (name, _), value, old in zip(sets, now, before or now)]
    print(f"{what:24}  " + "  ".join(cells), flush=True)
    return now


def lines(path):
    with open(path, encoding="utf-8") as text:
        return text.read().splitlines()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cclip", required=True)
    parser.add_argument("--starter", required=True)
    parser.add_argument("--model", help="the model that learns (default: the starter's)")
    parser.add_argument("--pairs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--before", help="figures of an earlier run of the same draw, with commas")
    parser.add_argument("--all-templates", action="store_true", help="each icon with each template, instead of one drawn for it")
    parser.add_argument("--replay", metavar="DATA", help="sources beside the icons, as cclip finetune --train-data takes them")
    parser.add_argument("--control", action="store_true", help="learn from --replay alone")
    parser.add_argument("options", nargs="*", help="of cclip finetune, after --; several runs with a word + between them")
    o = parser.parse_args()
    if o.control and not o.replay:
        parser.error("--control needs --replay")
    lucide = os.path.join(o.starter, "eval", "lucide")
    model = o.model or os.path.join(o.starter, "model")
    with tempfile.TemporaryDirectory() as top:
        samples = samples_of(lucide)
        drawn = set(random.Random(o.seed).sample(range(len(samples)), o.pairs))
        write_rest(lucide, os.path.join(top, "rest"), [s for i, s in enumerate(samples) if i not in drawn])
        write_pairs(os.path.join(top, "pairs"), [samples[i] for i in sorted(drawn)],
                    lines(os.path.join(lucide, "classnames.txt")),
                    lines(os.path.join(lucide, "zeroshot_classification_templates.txt")), None if o.all_templates else random.Random(o.seed))
        sets = [("other lucide", os.path.join(top, "rest"))]
        sets += [(name, os.path.join(o.starter, "eval", name)) for name in ("clothing", "grocery")]
        before = [float(x) for x in o.before.split(",")] if o.before else show(o.cclip, "before", model, sets, None)
        sources = [] if o.control else [os.path.join(top, "pairs", "pairs.tsv")]
        sources += [o.replay] if o.replay else []
        for i, words in enumerate(" ".join(o.options).split("+")):
            command = [o.cclip, "finetune", "--threads", "1", "--workers", "1", "--model", model,
                       "--train-data", "::".join(sources), "--logs", os.path.join(top, "logs"), "--name", str(i), *words.split()]
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=True)
            log = done.stderr.decode("utf-8", "replace")
            losses = re.findall(r"Contrastive_loss: ([0-9.e+-]+)", log)
            print(f"finetune {words.strip()}: loss {losses[0]} to {losses[-1]}", flush=True)
            print("".join(f"  {line.split('WARNING | ')[1]}\n" for line in log.splitlines() if "WARNING" in line), end="")
            show(o.cclip, "after", os.path.join(top, "logs", str(i), "model"), sets, before)


if __name__ == "__main__":
    sys.exit(main())
