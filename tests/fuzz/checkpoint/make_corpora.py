#!/usr/bin/env python3
"""Writes the small corpora of this folder's fuzz targets, and of fuzz_zip; needs nothing but Python.
Usage: make_corpora.py [CORPORA-FOLDER]"""
import io
import json
import os
import pickle
import struct
import sys
import types
import zipfile
from collections import OrderedDict

target = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(__file__), "..", "corpora")


def write(corpus, name, data):
    os.makedirs(os.path.join(target, corpus), exist_ok=True)
    with open(os.path.join(target, corpus, name), "wb") as file:
        file.write(data)


# --- safetensors ---

def safetensors(tensors, data, metadata=None):
    header = {"__metadata__": metadata} if metadata else {}
    header.update({name: {"dtype": dtype, "shape": shape, "data_offsets": place}
                   for name, (dtype, shape, place) in tensors.items()})
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


SEVERAL = {"a": ("F32", [2, 3], [0, 24]), "b": ("BF16", [2], [24, 28]), "c": ("I64", [], [28, 36]),
           "d": ("BOOL", [0, 4], [36, 36]), "e": ("F16", [1, 1, 2], [36, 40])}
write("safetensors", "several", safetensors(SEVERAL, bytes(range(40)), {"format": "pt"}))
write("safetensors", "unordered", safetensors(dict(reversed(SEVERAL.items())), bytes(range(40))))
write("safetensors", "overlap", safetensors({"a": ("U8", [4], [0, 4]), "b": ("U8", [4], [2, 6])}, bytes(6)))
write("safetensors", "hole", safetensors({"a": ("U8", [4], [0, 4]), "b": ("U8", [4], [8, 12])}, bytes(12)))
write("safetensors", "fp8", safetensors({"a": ("F8_E4M3", [4], [0, 4])}, bytes(4)))
write("safetensors", "empty", safetensors({}, b""))
write("safetensors", "length", struct.pack("<Q", 1 << 60) + b"{}      ")
write("safetensors", "pointer", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")

# --- the index of shards "one" (a, c) and "two" (b) ---

for name, shards in (("good", {"a": "one", "b": "two", "c": "one"}), ("escape", {"a": "../one"}),
                     ("missing", {"a": "one", "b": "two", "c": "one", "d": "two"}), ("half", {"a": "one", "c": "one"})):
    write("shard_index", name, json.dumps({"metadata": {"total_size": 7}, "weight_map": shards}).encode())

# --- GGUF ---

U8, I32, U32, F32, BOOL, STRING, ARRAY = 0, 5, 4, 6, 7, 8, 9


def text(value):
    return struct.pack("<Q", len(value)) + value.encode()


def pair(key, kind, value):
    return text(key) + struct.pack("<I", kind) + value


def gguf(pairs, tensors=(), data=b"", version=3, alignment=32):
    out = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(pairs)) + b"".join(pairs)
    for name, dimensions, kind, place in tensors:
        out += text(name) + struct.pack("<I", len(dimensions))
        out += b"".join(struct.pack("<Q", d) for d in dimensions) + struct.pack("<IQ", kind, place)
    return out + bytes(-len(out) % alignment) + data


CLIP = pair("general.architecture", STRING, text("clip"))
PAIRS = [CLIP, pair("clip.use_gelu", BOOL, b"\0"), pair("clip.text.block_count", U32, struct.pack("<I", 2)),
         pair("clip.text.attention.layer_norm_epsilon", F32, struct.pack("<f", 1e-5)),
         pair("clip.vision.image_mean", ARRAY, struct.pack("<IQ3f", F32, 3, 0.5, 0.5, 0.5)),
         pair("tokenizer.ggml.tokens", ARRAY, struct.pack("<IQ", STRING, 3) + text("a") + text("b</w>") + text("ab"))]
TENSORS = [("t.w", [3, 2], 0, 0), ("v.q4", [32, 2], 2, 32), ("v.q8", [32], 8, 96), ("v.h", [2, 1, 1, 2], 1, 160)]
write("gguf", "several", gguf(PAIRS, TENSORS, bytes(range(168)) + bytes(24)))
write("gguf", "version_2", gguf(PAIRS, TENSORS, bytes(192), version=2))
write("gguf", "aligned_64", gguf([CLIP, pair("general.alignment", U32, struct.pack("<I", 64))],
                                 [("a", [1], 0, 0), ("b", [32], 7, 64)], bytes(128), alignment=64))
write("gguf", "projector", gguf([CLIP, pair("clip.projector_type", STRING, text("mlp"))]))
write("gguf", "count", b"GGUF" + struct.pack("<IQQ", 3, 1 << 61, 1) + CLIP)
write("gguf", "version_1", b"GGUF" + struct.pack("<III", 1, 0, 1) + CLIP)

# --- PyTorch ---

class Called:
    """Pickles as a call of the function `module.name`."""

    def __init__(self, module, name, *arguments, state=None):
        self.parts = (stand_in(module, name), arguments) + ((state,) if state is not None else ())

    def __reduce__(self):
        return self.parts


class Storage:
    def __init__(self, kind, key, count):
        self.id = ("storage", stand_in("torch", kind), key, "cpu", count)


def stand_in(module, name):
    """A function of this name, so that pickle can write a reference to it."""
    if module not in sys.modules or not hasattr(sys.modules[module], name):
        made = lambda *arguments: None
        made.__module__, made.__name__, made.__qualname__ = module, name, name
        sys.modules.setdefault(module, types.ModuleType(module))
        setattr(sys.modules[module], name, made)
    return getattr(sys.modules[module], name)


class TorchPickler(pickle.Pickler):
    def persistent_id(self, value):
        return value.id if isinstance(value, Storage) else None


def pickled(value, protocol=2):
    out = io.BytesIO()
    TorchPickler(out, protocol).dump(value)
    return out.getvalue()


def tensor(shape, strides, kind="FloatStorage", key="0", count=16, offset=0):
    return Called("torch._utils", "_rebuild_tensor_v2", Storage(kind, key, count), offset, shape, strides, False,
                  OrderedDict())


def module(name, attributes):
    """As TorchScript writes one: class, NEWOBJ, attributes, BUILD."""
    return (name, attributes)


def script(value):
    name, attributes = value
    out = b"c__torch__." + name.encode() + b"\nModule\n)\x81}("
    for key, member in attributes.items():
        out += b"X" + struct.pack("<I", len(key)) + key.encode()
        out += script(member) if isinstance(member, tuple) else pickled(member)[2:-1]
    return out + b"ub"


DICT = OrderedDict([("visual.proj", tensor((4, 4), (4, 1))), ("visual.conv1.weight", tensor((2, 2, 2, 2), (8, 1, 4, 2))),
                    ("text_projection", tensor((2, 3), (1, 2), offset=4)), ("half", tensor((3,), (1,), "HalfStorage", "1", 32)),
                    ("scale", tensor((), (), offset=15)), ("steps", tensor((), (), "LongStorage", "1", 8))])
TRAINING = {"epoch": 3, "name": "run", "state_dict": {"module." + key: value for key, value in DICT.items()},
            "optimizer": {"state": {0: {"exp_avg": tensor((4,), (1,))}}, "param_groups": [{"lr": 0.1, "betas": (0.9, 0.98)}]},
            "scaler": {"scale": 65536.0, "growth": None, "seed": 1 << 70, "blob": b"abc"}}
PARAMETER = {"w": Called("torch._utils", "_rebuild_parameter", tensor((4,), (1,)), True, OrderedDict())}
SCRIPT = b"\x80\x02" + script(module("clip.model", {
    "logit_scale": DICT["scale"], "training": False,
    "visual": module("clip.model.___torch_mangle_1", {"0": module("x", {"weight": DICT["visual.proj"]})})})) + b"."
PICKLES = {"state_dict": pickled(DICT), "training": pickled(TRAINING), "training_4": pickled(TRAINING, 4),
           "parameter": pickled(PARAMETER), "script": SCRIPT,
           "system": b"\x80\x02cos\nsystem\nU\x0btouch pwned\x85R.",
           "nothing_marked": b"\x80\x02(t.", "recursive": b"\x80\x02}q\0X\x06\0\0\0weighth\0s.",
           "deep": b"\x80\x02" + b"](" * 300 + b"e" * 300 + b"."}
for name, data in PICKLES.items():
    write("pickle", name, data)


def archive(entries):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        for name, data, method in entries:
            information = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            information.compress_type = method
            made.writestr(information, data)
    return out.getvalue()


def torch_zip(data, method):
    return archive([("a/data.pkl", data, method), ("a/byteorder", b"little", zipfile.ZIP_STORED),
                    ("a/data/0", bytes(range(64)), method), ("a/data/1", bytes(64), method)])


write("torch_zip", "state_dict", torch_zip(PICKLES["state_dict"], zipfile.ZIP_STORED))
write("torch_zip", "training_deflated", torch_zip(PICKLES["training"], zipfile.ZIP_DEFLATED))
write("torch_zip", "script", torch_zip(SCRIPT, zipfile.ZIP_DEFLATED))
write("torch_zip", "numpy", archive([("arr_0.npy", b"x", zipfile.ZIP_STORED)]))

write("zip", "several", archive([("a/stored", b"some bytes", zipfile.ZIP_STORED), ("a/empty", b"", zipfile.ZIP_STORED),
                                 ("a/deflated", b"more bytes " * 20, zipfile.ZIP_DEFLATED)]))
write("zip", "empty", archive([]))
write("zip", "twice", archive([("a", b"1", zipfile.ZIP_STORED), ("b", b"2", zipfile.ZIP_STORED)]).replace(b"b", b"a"))
LARGE = b"\1\0\x18\0" + struct.pack("<QQQ", 10, 10, 0)
CENTRAL = (b"PK\1\2" + struct.pack("<HHHHIIIIHHHHHII", 45, 45, 0, 0, 0, 0x57F4675D, 0xFFFFFFFF, 0xFFFFFFFF, 1, 28, 0, 0, 0, 0,
                                   0xFFFFFFFF) + b"a" + LARGE)
LOCAL = b"PK\3\4" + struct.pack("<HHHIIIIHH", 45, 0, 0, 0, 0, 10, 10, 1, 0) + b"a" + b"some bytes"
write("zip", "zip64", LOCAL + CENTRAL + b"PK\6\6" + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, 1, 1, len(CENTRAL), len(LOCAL)) +
      b"PK\6\7" + struct.pack("<IQI", 0, len(LOCAL) + len(CENTRAL), 1) +
      b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0))
