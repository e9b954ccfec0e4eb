#!/usr/bin/env python3
"""The corpus as options of cclip train, a word a line. usage: mix.py CORPUS SAMPLES

SHARES says how often a training sample comes from which pool. An epoch has SAMPLES pairs: each pool's factor follows from
the number of samples it has (manifest.json). Pools that are not there give their share to the others."""
import json
import os
import sys

SHARES = {
    "emoji": 0.38, "emoji-skin": 0.005, "colour": 0.075, "colour-skin": 0.005,
    "line": 0.22, "line-painted": 0.04, "solid": 0.05, "solid-painted": 0.025,
    "clip-art": 0.03, "furniture": 0.01, "photo-clothes": 0.07, "photo-groceries": 0.09,
}


def main():
    folder, samples = sys.argv[1], int(sys.argv[2])
    with open(os.path.join(folder, "manifest.json"), encoding="utf-8") as file:
        pools = json.load(file)["pools"]
    shares = {name: share for name, share in SHARES.items() if pools.get(name, {}).get("samples")}
    total = sum(shares.values())
    paths, factors = [], []
    for name, share in shares.items():
        last = pools[name]["shards"] - 1
        paths.append(os.path.join(folder, f"{name}-{{000..{last:03}}}.tar" if last else f"{name}-000.tar"))
        factors.append(f"{share / total * samples / pools[name]['samples']:.6f}")
    print("--train-data", "::".join(paths), "--train-data-upsampling-factors", "::".join(factors), sep="\n")


main()
