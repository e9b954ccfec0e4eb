#!/usr/bin/env python3
"""cclip's training batches beside torchvision's transforms, in turns, on one thread each.

    peer_torchvision.py PROGRAM VOCABULARY FOLDER [ROUNDS]

PROGRAM is bench_pairs. FOLDER gets two made shards if it lacks them: photos (JPEG, 512 x 384) and icons (PNG with
transparency, 128 x 128). The peer has the files' bytes in memory and makes tensors of them with open_clip's training
transform (strong: mirror, affine, colour jitter and grey as well, always); cclip reads them out of the shard, and
tokenizes their captions too. Needs torch and torchvision. Prints pairs a second, medians over the rounds, and the
ratio with the least and the most of a round."""

import io
import os
import re
import statistics
import subprocess
import sys
import tarfile
import time

import numpy as np
import PIL
import torch
import torchvision
import torchvision.transforms as T
from PIL import Image

MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
SECONDS = 1.5


def photo(random, width, height):
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    waves = [127 + 100 * np.sin(x / random.uniform(9, 90) + y / random.uniform(9, 90) + c) for c in range(3)]
    return Image.fromarray(np.clip(np.stack(waves, -1) + random.normal(0, 9, (height, width, 3)), 0, 255).astype(np.uint8))


def icon(random, side):
    y, x = np.mgrid[0:side, 0:side]
    out = np.zeros((side, side, 4), np.uint8)
    for _ in range(5):
        cx, cy, r = random.uniform(0, side, 3)
        out[(x - cx) ** 2 + (y - cy) ** 2 < (r / 3) ** 2] = [*random.integers(0, 256, 3), 255]
    return Image.fromarray(out)


def make(path, kind):
    random = np.random.default_rng(3)
    with tarfile.open(path, "w") as tar:
        for i in range(192):
            out = io.BytesIO()
            if kind == "photos":
                photo(random, 512, 384).save(out, "JPEG", quality=90)
            else:
                icon(random, 128).save(out, "PNG")
            caption = f"a made picture, number {i}, of waves or circles in colours".encode()
            for name, data in ((f"{i:05}.{'jpg' if kind == 'photos' else 'png'}", out.getvalue()), (f"{i:05}.txt", caption)):
                info = tarfile.TarInfo(name)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))


def transform(size, strong):
    steps = [T.RandomResizedCrop(size, scale=(0.9, 1.0), interpolation=T.InterpolationMode.BICUBIC),
             T.Lambda(lambda image: image.convert("RGB"))]
    if strong:
        steps += [T.RandomHorizontalFlip(1), T.RandomAffine(10, (0.1, 0.1), interpolation=T.InterpolationMode.BILINEAR),
                  T.ColorJitter(0.4, 0.4, 0.4, 0.1), T.RandomGrayscale(1)]
    return T.Compose(steps + [T.ToTensor(), T.Normalize(MEAN, STD)])


def peer(files, size, strong):
    steps, count, begin = transform(size, strong), 0, time.perf_counter()
    while time.perf_counter() - begin < SECONDS:
        batch = [steps(Image.open(io.BytesIO(files[(count + i) % len(files)]))) for i in range(64)]
        torch.stack(batch)
        count += 64
    return count / (time.perf_counter() - begin)


def own(program, path, vocabulary, size, strong):
    command = [program, path, vocabulary, str(size), str(SECONDS), "0"] + ["strong"] * strong
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return float(re.search(r"([0-9.]+) pairs/s", text)[1])


def main():
    program, vocabulary, folder = sys.argv[1:4]
    rounds = int(sys.argv[4]) if len(sys.argv) > 4 else 5
    torch.set_num_threads(1)
    os.makedirs(folder, exist_ok=True)
    print(f"torchvision {torchvision.__version__}, Pillow {PIL.__version__}, {rounds} rounds in turns")
    for kind in ("photos", "icons"):
        path = os.path.join(folder, kind + ".tar")
        if not os.path.exists(path):
            make(path, kind)
        with tarfile.open(path) as tar:
            files = [tar.extractfile(m).read() for m in tar if not m.name.endswith(".txt")]
        for size in (64, 224):
            for strong in (0, 1):
                mine, theirs = [], []
                for _ in range(rounds):
                    mine.append(own(program, path, vocabulary, size, strong))
                    theirs.append(peer(files, size, strong))
                ratios = [a / b for a, b in zip(mine, theirs)]
                print(f"{kind}, {size} px, {'all steps' if strong else 'crop alone'}: cclip {statistics.median(mine):.0f} "
                      f"pairs/s, torchvision {statistics.median(theirs):.0f}, ratio {statistics.median(ratios):.2f} "
                      f"({min(ratios):.2f} to {max(ratios):.2f})", flush=True)


if __name__ == "__main__":
    main()
