"""CLIP models as clip.cpp's GGUF files, with weights by formula (benchmarks/encode/peers/formula.py) and OpenAI's vocabulary.

`write` takes a Model; `State` has the same weights under their reference names, for numpy_clip.py. Needs numpy.
"""

import dataclasses
import os
import struct
import sys

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.append(os.path.join(HERE, "..", "..", "benchmarks", "encode", "peers"))

import formula

MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)
UINT32, FLOAT32, BOOL, STRING, ARRAY = 4, 6, 7, 8, 9      # GGUF's types of values
F32, F16 = 0, 1                                           # and of tensors
ALIGNMENT = 32


@dataclasses.dataclass(frozen=True)
class Tower:
    width: int
    layers: int
    heads: int


@dataclasses.dataclass(frozen=True)
class Model:
    name: str
    vision: Tower
    text: Tower
    patch: int
    dim: int
    size: int = 224
    context: int = 77
    type: int = F16                # of the matrices; the convolution is always F16, vectors always F32
    gelu: bool = False             # exact GELU in place of x * sigmoid(1.702 x)

    def positions(self):
        return (self.size // self.patch) ** 2 + 1


def block_names(prefix, index, width):
    """Reference name, shape, GGUF's name without its tower, rows of a fused matrix (or None)."""
    p = f"{prefix}transformer.resblocks.{index}."
    for part, letter in enumerate("qkv"):
        rows = slice(part * width, (part + 1) * width)
        yield p + "attn.in_proj_weight", (3 * width, width), f"attn_{letter}.weight", rows
        yield p + "attn.in_proj_bias", (3 * width,), f"attn_{letter}.bias", rows
    yield p + "attn.out_proj.weight", (width, width), "attn_out.weight", None
    yield p + "attn.out_proj.bias", (width,), "attn_out.bias", None
    for norm, to in (("ln_1", "ln1"), ("ln_2", "ln2")):
        yield p + norm + ".weight", (width,), to + ".weight", None
        yield p + norm + ".bias", (width,), to + ".bias", None
    yield p + "mlp.c_fc.weight", (4 * width, width), "ffn_down.weight", None       # GGUF's down is the first of the two
    yield p + "mlp.c_fc.bias", (4 * width,), "ffn_down.bias", None
    yield p + "mlp.c_proj.weight", (width, 4 * width), "ffn_up.weight", None
    yield p + "mlp.c_proj.bias", (width,), "ffn_up.bias", None


def tensors(model, vocabulary):
    """(reference name, its shape, GGUF name, rows, transposed) of every tensor, in the order of the file."""
    text, vision = model.text.width, model.vision.width
    yield "token_embedding.weight", (vocabulary, text), "t.token_embd.weight", None, False
    yield "positional_embedding", (model.context, text), "t.position_embd.weight", None, False
    # Right behind the text's positions: whoever reads past those meets numbers that no text may depend on.
    yield "visual.positional_embedding", (model.positions(), vision), "v.position_embd.weight", None, False
    for i in range(model.text.layers):
        for name, shape, to, rows in block_names("", i, text):
            yield name, shape, f"t.blk.{i}.{to}", rows, False
    for part in ("weight", "bias"):
        yield "ln_final." + part, (text,), "t.post_ln." + part, None, False
    yield "visual.class_embedding", (vision,), "v.class_embd", None, False
    yield "visual.conv1.weight", (vision, 3, model.patch, model.patch), "v.patch_embd.weight", None, False
    for norm, to in (("ln_pre", "pre_ln"), ("ln_post", "post_ln")):
        for part in ("weight", "bias"):
            yield f"visual.{norm}.{part}", (vision,), f"v.{to}.{part}", None, False
    for i in range(model.vision.layers):
        for name, shape, to, rows in block_names("visual.", i, vision):
            yield name, shape, f"v.blk.{i}.{to}", rows, False
    yield "visual.proj", (vision, model.dim), "visual_projection.weight", None, True
    yield "text_projection", (text, model.dim), "text_projection.weight", None, True


def value(name, shape, rows, transposed, scale_of=None):
    whole = formula.tensor(name, shape)
    if scale_of:
        whole = whole * np.float32(scale_of.get(name, 1))
    part = whole if rows is None else whole[rows]
    return part.T if transposed else part


class State:
    """Reference name -> float32, as the file of the model holds it: rounded to the type of each tensor."""

    def __init__(self, model, vocabulary, cached=True):
        self.model, self.cached, self.kept = model, cached, {}
        self.shapes = {name: shape for name, shape, *_ in tensors(model, vocabulary)}

    def __getitem__(self, name):
        if name in self.kept:
            return self.kept[name]
        values = formula.tensor(name, self.shapes[name])
        if stored_type(self.model, values.shape) == F16:
            values = values.astype(np.float16).astype(np.float32)
        if self.cached:
            self.kept[name] = values
        return values


def text_bytes(text):
    data = text.encode("utf-8") if isinstance(text, str) else text
    return struct.pack("<Q", len(data)) + data


def pair(key, kind, item):
    head = text_bytes(key) + struct.pack("<I", kind)
    if kind == STRING:
        return head + text_bytes(item)
    return head + struct.pack({UINT32: "<I", FLOAT32: "<f", BOOL: "<?"}[kind], item)


def array(key, kind, items):
    head = text_bytes(key) + struct.pack("<IIQ", ARRAY, kind, len(items))
    if kind == STRING:
        return head + b"".join(map(text_bytes, items))
    return head + struct.pack(f"<{len(items)}f", *items)


def pairs(model, tokens):
    yield pair("general.architecture", STRING, "clip")
    yield pair("clip.has_text_encoder", BOOL, True)
    yield pair("clip.has_vision_encoder", BOOL, True)
    yield pair("general.file_type", UINT32, model.type)
    yield pair("general.name", STRING, model.name)
    yield pair("general.description", STRING, "weights by formula")
    yield pair("clip.text.context_length", UINT32, model.context)
    yield pair("clip.vision.image_size", UINT32, model.size)
    yield pair("clip.vision.patch_size", UINT32, model.patch)
    for side, tower in (("text", model.text), ("vision", model.vision)):
        yield pair(f"clip.{side}.embedding_length", UINT32, tower.width)
        yield pair(f"clip.{side}.feed_forward_length", UINT32, 4 * tower.width)
        yield pair(f"clip.{side}.projection_dim", UINT32, model.dim)
        yield pair(f"clip.{side}.attention.head_count", UINT32, tower.heads)
        yield pair(f"clip.{side}.attention.layer_norm_epsilon", FLOAT32, 1e-5)
        yield pair(f"clip.{side}.block_count", UINT32, tower.layers)
    yield array("tokenizer.ggml.tokens", STRING, tokens)
    yield array("clip.vision.image_mean", FLOAT32, MEAN)
    yield array("clip.vision.image_std", FLOAT32, STD)
    yield pair("clip.use_gelu", BOOL, model.gelu)


def stored_type(model, shape):
    return F32 if len(shape) == 1 else F16 if len(shape) == 4 else model.type


def write(path, model, tokens, scale_of=None, version=3):
    """`scale_of` multiplies the tensors of those (reference) names."""
    keys = list(pairs(model, tokens))
    infos, offset, rows = [], 0, list(tensors(model, len(tokens)))
    for _, shape, to, part, transposed in rows:
        if part is not None:
            shape = (part.stop - part.start, *shape[1:])
        stored = shape[::-1] if not transposed else shape          # innermost first
        kind = stored_type(model, shape)
        infos.append(text_bytes(to) + struct.pack(f"<I{len(stored)}QIQ", len(stored), *stored, kind, offset))
        offset += int(np.prod(shape)) * (2 if kind == F16 else 4)
        offset += -offset % ALIGNMENT
    head = b"GGUF" + struct.pack("<IQQ", version, len(infos), len(keys)) + b"".join(keys) + b"".join(infos)
    with open(path, "wb") as file:
        file.write(head + bytes(-len(head) % ALIGNMENT))
        for name, shape, _, part, transposed in rows:
            data = np.ascontiguousarray(value(name, shape, part, transposed, scale_of))
            raw = data.astype("<f2" if stored_type(model, data.shape) == F16 else "<f4").tobytes()
            file.write(raw + bytes(-len(raw) % ALIGNMENT))
    return len(infos)


def read_tensors(path):
    """Name -> (type, dimensions, bytes) of a file as `write` makes it (F32 and F16 only)."""
    with open(path, "rb") as file:
        data = file.read()
    at = 4

    def take(form):
        nonlocal at
        items = struct.unpack_from("<" + form, data, at)
        at += struct.calcsize("<" + form)
        return items if len(items) > 1 else items[0]

    def text():
        nonlocal at
        length = take("Q")
        at += length
        return data[at - length:at].decode("utf-8")

    def skip(kind):
        nonlocal at
        if kind == STRING:
            text()
        elif kind == ARRAY:
            inner, count = take("IQ")
            for _ in range(count):
                skip(inner)
        else:
            at += 1 if kind == BOOL else 4

    _, count, keys = take("IQQ")
    for _ in range(keys):
        text()
        skip(take("I"))
    infos = []
    for _ in range(count):
        name, rank = text(), take("I")
        infos.append((name, [take("Q") for _ in range(rank)], take("I"), take("Q")))
    start = at + -at % ALIGNMENT
    return {name: (kind, sides, data[start + offset:start + offset + int(np.prod(sides)) * (2 if kind == F16 else 4)])
            for name, sides, kind, offset in infos}
