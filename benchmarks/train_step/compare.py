#!/usr/bin/env python3
"""cclip's training step beside PyTorch's, compiled, in turns on one machine.

    python3 -m venv build/peers && build/peers/bin/pip install torch
    build/peers/bin/python benchmarks/train_step/compare.py --bench build/benchmarks/train_step/bench_train_step

Forward, contrastive loss, backward and AdamW, in fp32 or with --precision bf16 (in PyTorch: autocast), at the same sizes: a small
Vision Transformer (256 wide, 6 and 4 blocks, 64 pixels), the network of the shipped model, and ViT-B/32. A round runs each program
once for each line, in a process of its own; of all rounds the median of the best steps counts. "A second" is a second by the clock;
"by processor" divides by the seconds that the program's threads computed, which other programs on the machine disturb less. Peak
memory is the process's, "of peak" is of fp32's."""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
LINES = {"tiny": ("tiny", 128), "resnet": ("resnet", 256), "b32": ("b32", 16)}
NAMES = {"tiny": "small ViT", "resnet": "ResNet of the shipped model", "b32": "ViT-B/32"}


def run(command):
    process = subprocess.run(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "OMP_WAIT_POLICY": "passive"})
    if process.returncode:
        sys.exit(f"{command[0]} failed")
    return json.loads(process.stdout.strip().splitlines()[-1])


def processor():
    with open("/proc/cpuinfo") as file:
        lines = [line.split(":", 1)[1].strip() for line in file if line.startswith(("model name", "model\t"))]
    return " ".join(lines[:2])


def middle(rounds, side, key):
    return statistics.median(r[side][key] for r in rounds)


def ratios(rounds, key):
    each = [r[0][key] / r[1][key] for r in rounds]
    return f"{statistics.median(each):.2f} ({min(each):.2f} to {max(each):.2f})"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bench", default="build/benchmarks/train_step/bench_train_step")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--precision", choices=("f32", "bf16"), default="f32")
    parser.add_argument("--only", choices=LINES)
    arguments = parser.parse_args()
    sizes = [str(arguments.threads), str(arguments.seconds), arguments.precision]
    lines = [LINES[arguments.only]] if arguments.only else list(LINES.values())
    figures = {line: [] for line in lines}
    for _ in range(arguments.rounds):
        for line in lines:
            what = [line[0], str(line[1]), *sizes]
            mine = run([arguments.bench, *what])
            theirs = run([sys.executable, os.path.join(HERE, "peers", "torch_step.py"), *what])
            figures[line].append((mine, theirs))
            print(f"{line[0]}: {json.dumps(mine)} {json.dumps(theirs)}", file=sys.stderr)
            time.sleep(0.2)
    print(f"{time.strftime('%Y-%m-%d')}, {processor()}, {arguments.threads} threads, {arguments.rounds} rounds, "
          f"PyTorch {figures[lines[0]][0][1]['version']}, compiled, {arguments.precision}\n")
    print("| network, batch | cclip, samples a second | GFLOP/s | of peak | PyTorch, samples a second | ratio (least to most) "
          "| ratio by processor | cclip, MiB | PyTorch, MiB | ratio |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for (name, batch), rounds in figures.items():
        memory = [middle(rounds, side, "memory") for side in (0, 1)]
        print(f"| {NAMES[name]}, {batch} | {middle(rounds, 0, 'samples_per_second'):.1f} | {middle(rounds, 0, 'gflops'):.0f} | "
              f"{middle(rounds, 0, 'percent_of_peak'):.0f} % | {middle(rounds, 1, 'samples_per_second'):.1f} | "
              f"{ratios(rounds, 'samples_per_second')} | {ratios(rounds, 'per_processor_second')} | {memory[0]:.0f} | "
              f"{memory[1]:.0f} | {memory[0] / memory[1]:.2f} |")


if __name__ == "__main__":
    main()
