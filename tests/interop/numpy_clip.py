"""The reference of clip_cpp.py: CLIP's towers in numpy, its preprocessing with Pillow, its byte-pair encoding of plain texts.

clip_cpp.py checks all three against the golden data before it uses them.
"""

import math
import re

import numpy as np

START, END = 49406, 49407
EPSILON = 1e-5


# --------------------------------------------------------------------------------------------------- towers

def layer_norm(x, state, name):
    mean = x.mean(-1, keepdims=True)
    variance = ((x - mean) ** 2).mean(-1, keepdims=True)
    return (x - mean) / np.sqrt(variance + np.float32(EPSILON)) * state[name + ".weight"] + state[name + ".bias"]


def quick_gelu(x):
    return x / (1 + np.exp(np.float32(-1.702) * x))


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def attention(x, state, name, heads, mask):
    """x [n, sequence, width]"""
    n, sequence, width = x.shape
    qkv = x @ state[name + ".in_proj_weight"].T + state[name + ".in_proj_bias"]
    q, k, v = qkv.reshape(n, sequence, 3, heads, width // heads).transpose(2, 0, 3, 1, 4)
    scores = q @ k.swapaxes(-1, -2) * np.float32(1 / math.sqrt(width // heads))
    out = softmax(scores if mask is None else scores + mask) @ v
    return out.swapaxes(1, 2).reshape(n, sequence, width) @ state[name + ".out_proj.weight"].T + state[name + ".out_proj.bias"]


def blocks(x, state, prefix, tower, mask=None):
    for i in range(tower.layers):
        p = f"{prefix}transformer.resblocks.{i}."
        x = x + attention(layer_norm(x, state, p + "ln_1"), state, p + "attn", tower.heads, mask)
        hidden = quick_gelu(layer_norm(x, state, p + "ln_2") @ state[p + "mlp.c_fc.weight"].T + state[p + "mlp.c_fc.bias"])
        x = x + hidden @ state[p + "mlp.c_proj.weight"].T + state[p + "mlp.c_proj.bias"]
    return x


def normalise(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def images(model, state, pixels, at_once=16):
    """pixels [n, 3, size, size] -> embeddings [n, dim], not normalised."""
    if len(pixels) > at_once:
        return np.concatenate([images(model, state, pixels[i:i + at_once]) for i in range(0, len(pixels), at_once)])
    n, side, p = len(pixels), model.size // model.patch, model.patch
    patches = pixels.reshape(n, 3, side, p, side, p).transpose(0, 2, 4, 1, 3, 5).reshape(n, side * side, 3 * p * p)
    x = patches @ state["visual.conv1.weight"].reshape(model.vision.width, -1).T
    first = np.broadcast_to(state["visual.class_embedding"], (n, 1, model.vision.width))
    x = np.concatenate([first, x], 1) + state["visual.positional_embedding"]
    x = blocks(layer_norm(x, state, "visual.ln_pre"), state, "visual.", model.vision)
    return layer_norm(x[:, 0], state, "visual.ln_post") @ state["visual.proj"]


def text(model, state, ids):
    """Ids with start and end, not padded -> [dim], not normalised."""
    n = len(ids)
    x = (state["token_embedding.weight"][ids] + state["positional_embedding"][:n])[None]
    x = blocks(x, state, "", model.text, np.triu(np.full((n, n), -np.inf, np.float32), 1))
    return layer_norm(x[0, -1], state, "ln_final") @ state["text_projection"]


# --------------------------------------------------------------------------------------------------- pictures

def preprocess(path, size, mean, std):
    """Resize (shorter side, bicubic), centre crop, RGB, normalise: [3, size, size]."""
    from PIL import Image
    with Image.open(path) as picture:
        width, height = picture.size
        short = min(width, height)
        picture = picture.resize((int(size * width / short), int(size * height / short)), Image.BICUBIC)
        left, top = round((picture.width - size) / 2), round((picture.height - size) / 2)
        u8 = np.asarray(picture.crop((left, top, left + size, top + size)).convert("RGB"))
    return normalise_pixels(u8, mean, std)


def normalise_pixels(u8, mean, std):
    scaled = u8.astype(np.float32) / np.float32(255)
    return ((scaled - np.asarray(mean, np.float32)) / np.asarray(std, np.float32)).transpose(2, 0, 1)


def linear_whole(path, size):
    """Linear, the longer side to `size`: grey levels [pixels, 3], row after row without gaps. What clip.cpp does, not a reference."""
    from PIL import Image
    with Image.open(path) as picture:
        u8 = np.asarray(picture.convert("RGB")).astype(np.float32)
    height, width = u8.shape[:2]
    scale = np.float32(max(width, height) / size)

    def axis(length):
        place = (np.arange(int(length / scale + 0.5)) + np.float32(0.5)) * scale - np.float32(0.5)
        low = np.maximum(np.floor(place).astype(int), 0)
        return low, np.minimum(low + 1, length - 1), (place - low).astype(np.float32)
    (x0, x1, fx), (y0, y1, fy) = axis(width), axis(height)
    rows = [u8[y][:, x0] * (1 - fx)[None, :, None] + u8[y][:, x1] * fx[None, :, None] for y in (y0, y1)]
    both = rows[0] * (1 - fy)[:, None, None] + rows[1] * fy[:, None, None]
    return np.clip(np.floor(both + np.float32(0.5)), 0, 255).reshape(-1, 3)


# --------------------------------------------------------------------------------------------------- plain texts

class Tokenizer:
    """For texts of ASCII letters, digits, spaces and plain punctuation: all that the labels here need."""

    PIECES = re.compile(r"'s|'t|'re|'ve|'m|'ll|'d|[a-z]+|[0-9]|[^\sa-z0-9]+")
    PLAIN = re.compile(r"[A-Za-z0-9 ,.\-!?']*")

    def __init__(self, vocabulary, merges):
        self.ids = vocabulary
        self.rank = {pair: i for i, pair in enumerate(merges)}

    def plain(self, string):
        return self.PLAIN.fullmatch(string) is not None

    def word(self, piece):
        parts = [*piece[:-1], piece[-1] + "</w>"]
        while len(parts) > 1:
            best = min(zip(parts, parts[1:]), key=lambda pair: self.rank.get(pair, len(self.rank)))
            if best not in self.rank:
                break
            joined, i = [], 0
            while i < len(parts):
                two = i + 1 < len(parts) and (parts[i], parts[i + 1]) == best
                joined.append(parts[i] + parts[i + 1] if two else parts[i])
                i += 2 if two else 1
            parts = joined
        return [self.ids[part] for part in parts]

    def __call__(self, string):
        assert self.plain(string), string
        return [START, *(i for piece in self.PIECES.findall(string.lower()) for i in self.word(piece)), END]
