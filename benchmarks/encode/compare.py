#!/usr/bin/env python3
"""cclip's encoders beside ONNX Runtime's, in turns on one machine.

    python3 -m venv build/peers && build/peers/bin/pip install torch onnx onnxruntime numpy
    build/peers/bin/python benchmarks/encode/compare.py --cclip build/cclip

ViT-B/32 in fp32: pictures in batches, and captions of 12 tokens, which ONNX Runtime computes padded to 77. A round runs each program
once for each line, in a process of its own; of all rounds the median of the best repetitions counts. Peak memory is the
process's. The folder for the models (1 GB) is build/peers-models."""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
PEERS = os.path.join(HERE, "peers")


def prepare(folder):
    os.makedirs(folder, exist_ok=True)
    model = os.path.join(folder, "ViT-B-32")
    if not os.path.exists(os.path.join(model, "open_clip_model.safetensors")):
        subprocess.run([sys.executable, os.path.join(PEERS, "write_formula_model.py"), model], check=True)
    if not os.path.exists(os.path.join(folder, "txt.onnx")):
        subprocess.run([sys.executable, os.path.join(PEERS, "export.py"), folder], check=True)
    return model


def run(command):
    """Output and peak memory in MiB of a process."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True,
                               env={**os.environ, "OMP_WAIT_POLICY": "passive"})
    text = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{command[0]} failed")
    return json.loads(text), usage.ru_maxrss / 1024


def own(arguments, model, kind, batch):
    result, memory = run([arguments.cclip, "bench", "--model", model, "--json", "--batch", str(batch), "--only", kind,
                          "--threads", str(arguments.threads), "--seconds", str(arguments.seconds)])
    return result[f"{kind}_per_second"], memory, result["percent_of_peak"]


def peer(arguments, folder, kind, batch):
    onnx = os.path.join(folder, "img.onnx" if kind == "images" else "txt.onnx")
    result, memory = run([sys.executable, os.path.join(PEERS, "onnxruntime_rate.py"), onnx, kind, str(batch),
                          str(arguments.seconds), str(arguments.threads)])
    return result["best"], memory, result["version"]


def processor():
    with open("/proc/cpuinfo") as file:
        lines = [line.split(":", 1)[1].strip() for line in file if line.startswith(("model name", "model\t"))]
    return " ".join(lines[:2])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cclip", default="build/cclip")
    parser.add_argument("--folder", default="build/peers-models")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    model = prepare(arguments.folder)
    lines = [("images", 1), ("images", 8), ("images", 32), ("texts", 32)]
    figures = {line: [] for line in lines}
    for _ in range(arguments.rounds):
        for line in lines:
            mine = own(arguments, model, *line)
            theirs = peer(arguments, arguments.folder, *line)
            figures[line].append(mine + theirs)
            time.sleep(0.2)
    print(f"{time.strftime('%Y-%m-%d')}, {processor()}, {arguments.threads} threads, {arguments.rounds} rounds, "
          f"ONNX Runtime {figures[lines[0]][0][5]}\n")
    print("| ViT-B/32 fp32 | cclip, a second | of peak | ONNX Runtime, a second | ratio | least and most | cclip, MiB | ONNX Runtime, MiB |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for (kind, batch), rounds in figures.items():
        middle = [statistics.median(column) for column in list(zip(*rounds))[:5]]
        ratios = [r[0] / r[3] for r in rounds]
        what = f"{batch} picture{'s'[batch == 1:]}" if kind == "images" else f"{batch} captions of 12 tokens"
        print(f"| {what} | {middle[0]:.1f} | {middle[2]:.0f} % | {middle[3]:.1f} | {statistics.median(ratios):.2f} | "
              f"{min(ratios):.2f}, {max(ratios):.2f} | {middle[1]:.0f} | {middle[4]:.0f} |")


if __name__ == "__main__":
    main()
