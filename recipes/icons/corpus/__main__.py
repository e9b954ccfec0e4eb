"""Builds the corpus. usage: python3 -m corpus --packages DIR --programs DIR --out DIR [--photos DIR] [--eval DIR] [--processes N]

PACKAGES holds node_modules (npm) and debian (unpacked .deb files); what is not there is left out and noted. OUT gets the shards,
captions.txt for the tokenizer, suite.tsv with evaluation sets of what is held out, manifest.json and DATA-NOTICES. The same packages give the
same bytes."""
import argparse
import itertools
import json
import os
import sys
import time

from . import captions, emoji_3d, evaluation, furniture, looks, openclipart, photographs
from .brands import Brands
from .drawing import Pictures
from .colours import PAINT
from .iconify import Iconify
from .licences import licence
from .names import is_held
from .report import Report
from .shards import Shards
from .suite import Suite, faces
from .words import Words
from .wordnet import WordNet

PAINTED = 2  # pictures in other colours of each one-colour icon
START = time.monotonic()


def say(text):
    print(f"{time.monotonic() - START:6.0f} s  {text}", file=sys.stderr, flush=True)


def versions(packages):
    """Version of each package, as it says itself."""
    found = {}
    for name in ("@iconify/json", "emojibase-data", "emojilib", "@lobehub/fluent-emoji-3d", "@tabler/icons", "lucide-static"):
        path = os.path.join(packages, "node_modules", name, "package.json")
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                found[name] = json.load(file).get("version")
    listed = os.path.join(packages, "debian", "versions")
    if os.path.exists(listed):
        with open(listed, encoding="utf-8") as file:
            found.update(line.split() for line in file)
    return found


WORDS = {"emojibase-data": "Miles Johnson", "emojilib": "Mu-An Chiou", "@tabler/icons": "Paweł Kuna"}


def credit_words(options, report):
    """Names and keywords come from these; like pictures, only under a licence that is allowed."""
    for name, author in WORDS.items():
        path = os.path.join(options.packages, "node_modules", name, "package.json")
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                said = json.load(file).get("license")
            if not licence(said):
                raise SystemExit(f"{name}: its licence is now {said}, which is not allowed")
            report.words(name, name, licence(said), author, f"https://www.npmjs.com/package/{name}")
    if os.path.exists(os.path.join(options.packages, "debian/usr/share/wordnet/data.noun")):
        report.words("wordnet-base", "WordNet", licence("WordNet-3.0"), "Princeton University", "https://wordnet.princeton.edu")


def is_held_out(picture):
    """By the name, or by any other name that the thing is known under."""
    return picture["pool"][:5] != "photo" and any(is_held(name) for name in [picture["name"], *picture["names"][:1]])


def gather(options, report, iconify, words, brands):
    sources = [iconify.pictures(words, brands), emoji_3d.pictures(options.packages, words, report) or (),
               openclipart.pictures(os.path.join(options.packages, "debian"), words, report) or (),
               furniture.pictures(os.path.join(options.packages, "debian"), words, report) or (),
               photographs.pictures(options.photos, report) if options.photos else ()]
    return itertools.chain.from_iterable(sources)


def collect(options, report, iconify, words, brands, pictures, suite):
    """Adds all that is not held out to `pictures`, offers the rest to `suite`; returns what is known of the former."""
    known = []
    for picture in gather(options, report, iconify, words, brands):
        report.count("seen", picture["source"])
        if is_held_out(picture):
            report.count("held out", picture["source"])
            suite.offer(picture)
            continue
        kind, data = picture.pop("frame")
        if picture.pop("keep", False):
            picture["file"] = data
        pictures.add(kind, data)
        known.append(picture)
    return known


def write_pool(folder, pool, samples, painter, counts, text):
    """Samples are (picture number, picture, captions, ink, ground)."""
    shards = Shards(folder, pool)
    waiting = []

    def jobs():
        for sample in samples:
            if "file" in sample[1]:
                add(sample, "jpg", sample[1]["file"])
                continue
            waiting.append(sample)
            yield sample[0], PAINT.get(sample[3]), PAINT.get(sample[4])

    def add(sample, ending, data):
        _, picture, said, ink, ground = sample
        about = dict(captions=said, name=picture["name"], source=picture["source"], style=picture["styles"][0] if picture["styles"] else
                     picture["noun"], licence=picture["licence"])
        shards.add(ending, data, about)
        text.write("\n".join(said) + "\n")

    for at, png in enumerate(painter.png_of_all(jobs())):
        add(waiting[at], "png", png)
        waiting[at] = None
    shards.close()
    counts[pool] = dict(samples=shards.count, shards=shards.files)
    say(f"{pool}: {shards.count} samples")


def samples_of(chosen, painted):
    for number, picture, mark in chosen:
        if not painted:
            yield number, picture, captions.of_picture(picture, mark), None, None
        else:
            for ink, ground in captions.paints(picture, PAINTED):
                yield number, picture, captions.of_painted(picture, ink, ground), ink, ground


def write(options, chosen, pictures, report, packages):
    pools = {}
    for entry in chosen:
        pools.setdefault(entry[1]["shards"], []).append(entry)
    counts = {}
    for name in os.listdir(options.out):
        if name.endswith(".tar"):
            os.remove(os.path.join(options.out, name))
    with open(os.path.join(options.out, "captions.txt"), "w", encoding="utf-8") as text:
        for pool, entries in sorted(pools.items()):
            write_pool(options.out, pool, samples_of(entries, False), pictures.painter(), counts, text)
            if entries[0][1]["pool"] == "one-colour":
                write_pool(options.out, pool + "-painted", samples_of(entries, True), pictures.painter(), counts, text)
    report.write(options.out, packages, counts, dict(evaluation=looks.TWIN, evaluation_photographs=looks.TWIN_PHOTO, logo=looks.LOGO))


def main():
    parser = argparse.ArgumentParser()
    for name in ("packages", "programs", "out"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--photos")
    parser.add_argument("--eval")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    options = parser.parse_args()
    os.makedirs(options.out, exist_ok=True)
    report = Report(say)
    wordnet = WordNet(os.path.join(options.packages, "debian/usr/share/wordnet"))
    words, iconify = Words(options.packages, wordnet), Iconify(options.packages, report)
    brands = Brands(iconify.brand_names(), wordnet)
    credit_words(options, report)
    pictures = Pictures(os.path.join(options.out, "work"), options.programs)
    suite = Suite(options.out, options.programs)
    known = collect(options, report, iconify, words, brands, pictures, suite)
    for face in faces(iconify):
        suite.offer(face)
    say(f"{len(known)} pictures to draw")
    pictures.draw(options.processes)
    suite.draw(options.processes)
    others = Pictures(os.path.join(options.out, "work/evaluation"), options.programs)
    names = [(name, others.add(*frame))[0] for name, frame in evaluation.pictures(options.packages, options.eval, iconify)]
    others.draw(options.processes)
    logos = looks.draw_logos(iconify, os.path.join(options.out, "work/logos"), options, known)
    say("all drawn")
    twins = pictures.twins_of(others, looks.TWIN, options.processes)
    chosen = looks.choose(known, pictures, twins, names, logos, report, os.path.join(options.out, "twins.tsv"))
    say(f"{len(chosen)} pictures chosen")
    sets = suite.write(pictures, options.processes)
    say(f"evaluation sets of what is held out: {', '.join(f'{name} {count}' for name, count in sets.items())}")
    write(options, chosen, pictures, report, versions(options.packages))
    say(f"done: {report.totals()}")


main()
