#!/usr/bin/env python3
"""cclip's preprocessing beside Pillow's, in turns, on one thread.

    peer_pillow.py PROGRAM FOLDER [ROUNDS]

PROGRAM is bench_preprocess. FOLDER gets three made pictures if it lacks them: a 12 MP JPEG, a 640x480 JPEG and a
512x512 PNG. Needs numpy and Pillow (`pip install numpy pillow`). Prints the best of all rounds for both, and the ratio."""

import io
import os
import re
import subprocess
import sys
import time

import numpy as np
import PIL
from PIL import Image

MEAN = np.array([0.48145466, 0.4578275, 0.40821073], np.float32)
STD = np.array([0.26862954, 0.26130258, 0.27577711], np.float32)
PICTURES = {"a12mp.jpg": (4000, 3000), "b640.jpg": (640, 480), "c512.png": (512, 512)}


def make(width, height):
    random = np.random.default_rng(width)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    colours = np.stack([255 * x / width, 255 * y / height, 127 + 100 * np.sin(x / 37 + y / 53)], -1)
    noisy = colours + 25 * np.sin(x / 5)[..., None] + random.normal(0, 12, colours.shape)
    return Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))


def preprocess(data):
    picture = Image.open(io.BytesIO(data)).convert("RGB")
    width, height = picture.size
    scale = 224 / min(width, height)
    picture = picture.resize((round(width * scale), round(height * scale)), Image.BICUBIC)
    left, top = (picture.size[0] - 224) // 2, (picture.size[1] - 224) // 2
    pixels = np.asarray(picture.crop((left, top, left + 224, top + 224)), np.float32)
    return np.ascontiguousarray(((pixels / 255 - MEAN) / STD).transpose(2, 0, 1))


def best_of(data, seconds):
    best, begin = 1e9, time.perf_counter()
    while time.perf_counter() - begin < seconds:
        start = time.perf_counter()
        preprocess(data)
        best = min(best, time.perf_counter() - start)
    return best


def own(program, path, seconds):
    text = subprocess.run([program, path, "--seconds", str(seconds)], check=True, capture_output=True, text=True).stdout
    return float(re.search(r"\(([0-9.]+) ms", text)[1]) / 1e3


def main():
    program, folder, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 5
    os.makedirs(folder, exist_ok=True)
    print(f"Pillow {PIL.__version__}, {rounds} rounds in turns, best of all")
    for name, (width, height) in PICTURES.items():
        path = os.path.join(folder, name)
        if not os.path.exists(path):
            make(width, height).save(path, **({"quality": 90} if name.endswith("jpg") else {}))
        with open(path, "rb") as file:
            data = file.read()
        peer = mine = 1e9
        for _ in range(rounds):
            mine = min(mine, own(program, path, 0.7))
            peer = min(peer, best_of(data, 0.7))
        print(f"{name}: cclip {1 / mine:.1f} images/s ({mine * 1e3:.2f} ms), Pillow {1 / peer:.1f} images/s "
              f"({peer * 1e3:.2f} ms), ratio {peer / mine:.2f}", flush=True)


if __name__ == "__main__":
    main()
