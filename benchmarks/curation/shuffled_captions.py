#!/usr/bin/env python3
"""What `cclip filter --pairs` does to a corpus of which a fifth of the captions was shuffled, and what training gains by it.

    shuffled_captions.py CCLIP STARTER WORK [--icons DATA] [--seeds 3] [--epochs 8] [--truth] [--no-training]

CCLIP is the program, STARTER a folder with `model`, `photos/*.tar` and `eval/{clothing,grocery}`, WORK a new folder. The photographs'
captions are shuffled among a fifth of the pairs; pairs whose caption is another text then are the bad ones. Printed: how many of the bad
ones went and how many of the good ones were lost, in truth and as cclip estimates it. Then a small model is trained from scratch on all, on
what was kept (and with --truth on what was left alone), by several seeds, the same number of samples seen in each run, and judged on the two sets of photographs.

--icons DATA: a corpus of icons and photographs is filtered too (icons.bgra and icons.jsonl as STARTER's tools make them; needs
NumPy and Pillow).
"""
import argparse, hashlib, io, json, os, random, statistics, subprocess, sys, tarfile

MODEL = {"embed_dim": 128,
         "vision_cfg": {"image_size": 32, "patch_size": 8, "layers": 3, "width": 64, "head_width": 32},
         "text_cfg": {"context_length": 24, "vocab_size": 6144, "width": 64, "heads": 2, "layers": 2}}


def run(*command, cwd=None):
    done = subprocess.run([str(c) for c in command], cwd=cwd, capture_output=True, text=True)
    if done.returncode not in (0, 3):
        sys.exit(f"{' '.join(map(str, command))}\n{done.stderr}")
    return done.stdout


def read_pairs(path):
    """[(extension and bytes of the picture, caption)] of a tar file."""
    samples = {}
    with tarfile.open(path) as tar:
        for member in tar:
            key, extension = member.name.split(".", 1)
            samples.setdefault(key, {})[extension] = tar.extractfile(member).read()
    return [("jpg", s["jpg"], s["txt"].decode()) for s in samples.values()]


def icon_pairs(data, each, seen):
    """Icons on white with captions in the style that the starter was trained on, of concepts that it saw there or never saw."""
    import numpy
    from PIL import Image
    meta = [json.loads(line) for line in open(f"{data}/icons.jsonl")]
    pixels = numpy.memmap(f"{data}/icons.bgra", numpy.uint8, "r").reshape(-1, 64, 64, 4)
    article = lambda text: ("an " if text[:1] in "aeiou" else "a ") + text
    pools = {}
    for i, m in enumerate(meta):
        if not m["kind"].startswith("eval") and (hashlib.md5(m["concept"].encode()).digest()[0] >= 26) == seen:
            pools.setdefault(m["kind"], []).append(i)
    pairs = []
    for pool in pools.values():
        for i in random.sample(pool, min(each, len(pool))):
            name, style = meta[i]["name"], meta[i]["style"]
            colours = pixels[i].astype(numpy.float32)
            rgb = colours[:, :, 2::-1] + 255 * (1 - colours[:, :, 3:] / 255)
            file = io.BytesIO()
            Image.fromarray(rgb.clip(0, 255).astype(numpy.uint8)).save(file, "PNG")
            pairs.append(("png", file.getvalue(), random.choice(
                [name, f"{article(style)} of {article(name)}", f"{name} {style}", article(name),
                 f"an image of {article(name)}", f"a picture of {article(name)}"])))
    return pairs


def shuffle(pairs, share):
    """The captions of a share of the pairs turned among these; and which of them are wrong now."""
    captions = [caption for _, _, caption in pairs]
    chosen = random.sample(range(len(pairs)), int(share * len(pairs)))
    for here, there in zip(chosen, chosen[1:] + chosen[:1]):
        captions[here] = pairs[there][2]
    return captions, [a != b for a, (_, _, b) in zip(captions, pairs)]


def write(path, pairs, captions, chosen):
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        for i in chosen:
            for extension, data in ((pairs[i][0], pairs[i][1]), ("txt", captions[i].encode())):
                member = tarfile.TarInfo(f"{i:06d}.{extension}")
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))


def filtered(o, name, pairs, share):
    captions, bad = shuffle(pairs, share)
    write(f"{name}.tar", pairs, captions, range(len(pairs)))
    result = json.loads(run(o.cclip, "filter", "--pairs", "--train-data", f"{name}.tar", "--model", f"{o.starter}/model",
                            "-o", f"{name}-kept", "--lines", f"{name}.jsonl", "--json"))
    gone = {int(json.loads(line)["key"].split(": ")[1].split(".")[0])
            for line in open(f"{name}.jsonl") if '"reason"' in line}
    caught = sum(b for i, b in enumerate(bad) if i in gone) / max(1, sum(bad))
    lost = sum(not b for i, b in enumerate(bad) if i in gone) / max(1, len(bad) - sum(bad))
    print(f"| {name} | {len(pairs)} | {100 * sum(bad) / len(bad):.1f} % | {100 * result['estimated_mismatched']:.1f} % "
          f"| {100 * caught:.1f} % | {100 * result['estimated_caught']:.1f} % | {100 * lost:.2f} % "
          f"| {100 * result['estimated_lost']:.2f} % |", flush=True)
    return captions, bad


def train(o, name, data, seed, samples):
    run(o.cclip, "train", "--model", "small.json", "--vocab", f"{o.starter}/model", "--train-data", data, "--batch-size", 128,
        "--train-num-samples", samples, "--epochs", o.epochs, "--lr", "2e-3", "--warmup", 30, "--wd", "0.1",
        "--group-captions", "--seed", seed, "--name", f"{name}-{seed}", "--save-frequency", 0, "--workers", 1)
    return [100 * json.loads(run(o.cclip, "evaluate", f"{o.starter}/eval/{kind}", "--model", f"logs/{name}-{seed}/model",
                                 "--json"))["metrics"]["acc1"] for kind in ("clothing", "grocery")]


def main():
    parser = argparse.ArgumentParser()
    for name in ("cclip", "starter", "work"):
        parser.add_argument(name, type=os.path.abspath)
    parser.add_argument("--icons", type=os.path.abspath)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--no-training", action="store_true")
    parser.add_argument("--truth", action="store_true", help="train on the pairs that were left alone, too")
    o = parser.parse_args()
    os.makedirs(o.work)
    os.chdir(o.work)
    random.seed(0)
    json.dump(MODEL, open("small.json", "w"))
    photos = [p for kind in ("clothing", "grocery") for p in read_pairs(f"{o.starter}/photos/{kind}-train.tar")]
    print("| corpus | pairs | mismatched | estimated | caught | estimated | good ones lost | estimated |\n" + "|---" * 8 + "|")
    if o.icons:
        mixed = icon_pairs(o.icons, 2000, True) + random.sample(photos, 2000)
        random.shuffle(mixed)
        for share in (0.2, 0.05, 0.5):
            filtered(o, f"mixed-{round(100 * share)}", mixed, share)
        filtered(o, "unseen-20", icon_pairs(o.icons, 2000, False), 0.2)
    captions, bad = filtered(o, "photos", photos, 0.2)
    if o.no_training:
        return
    write("good.tar", photos, captions, [i for i, b in enumerate(bad) if not b])
    print("\n| trained on | clothing top-1 | grocery top-1 |\n|---|---|---|")
    for name, data in (("all", "photos.tar"), ("kept", "photos-kept/photos.tar"), ("good", "good.tar"))[:2 + o.truth]:
        runs = list(zip(*(train(o, name, data, seed, len(photos)) for seed in range(o.seeds))))
        print(f"| {name} | " + " | ".join(f"{statistics.mean(r):.2f} ± {statistics.stdev(r):.2f} ({', '.join(f'{x:.1f}' for x in r)})"
                                          for r in runs) + " |", flush=True)


main()
