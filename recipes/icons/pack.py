#!/usr/bin/env python3
"""Copies an open_clip folder, matrices stored as F16. usage: pack.py MODEL OUT

Tensors of two and more dimensions become F16, rounded to even; norms, biases and the logit scale stay F32."""
import json
import os
import shutil
import struct
import sys

WEIGHTS = "open_clip_model.safetensors"


def halve(data):
    count = len(data) // 4
    return struct.pack(f"<{count}e", *struct.unpack(f"<{count}f", data))


def pack(source, target):
    with open(source, "rb") as file:
        length, = struct.unpack("<Q", file.read(8))
        head = json.loads(file.read(length))
        body = file.read()
    tensors, at, parts = {"__metadata__": head.pop("__metadata__", {"format": "pt"})}, 0, []
    for name, about in sorted(head.items(), key=lambda item: item[1]["data_offsets"]):
        begin, end = about["data_offsets"]
        data, kind = body[begin:end], about["dtype"]
        if kind == "F32" and len(about["shape"]) > 1:
            data, kind = halve(data), "F16"
        tensors[name] = dict(dtype=kind, shape=about["shape"], data_offsets=[at, at + len(data)])
        parts.append(data)
        at += len(data)
    text = json.dumps(tensors, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(target, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(parts))


def main():
    source, target = sys.argv[1:3]
    os.makedirs(target)
    for name in sorted(os.listdir(source)):
        if name == WEIGHTS:
            pack(os.path.join(source, name), os.path.join(target, name))
        else:
            shutil.copyfile(os.path.join(source, name), os.path.join(target, name))


main()
