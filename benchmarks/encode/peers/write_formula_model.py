#!/usr/bin/env python3
"""ViT-B/32 with weights by formula (formula.py), as an open_clip folder: write_formula_model.py FOLDER

Speed does not depend on weights, but a fixed formula makes every machine run the same."""

import json
import os
import struct
import sys

import formula


def blocks(prefix, width, layers):
    for i in range(layers):
        p = f"{prefix}transformer.resblocks.{i}."
        yield p + "attn.in_proj_weight", (3 * width, width)
        yield p + "attn.in_proj_bias", (3 * width,)
        yield p + "attn.out_proj.weight", (width, width)
        yield p + "attn.out_proj.bias", (width,)
        for norm in ("ln_1", "ln_2"):
            yield p + norm + ".weight", (width,)
            yield p + norm + ".bias", (width,)
        yield p + "mlp.c_fc.weight", (4 * width, width)
        yield p + "mlp.c_fc.bias", (4 * width,)
        yield p + "mlp.c_proj.weight", (width, 4 * width)
        yield p + "mlp.c_proj.bias", (width,)


def tensors(vision=768, text=512, layers=12, patch=32, side=224, dim=512):
    yield "visual.conv1.weight", (vision, 3, patch, patch)
    yield "visual.class_embedding", (vision,)
    yield "visual.positional_embedding", ((side // patch) ** 2 + 1, vision)
    yield "visual.proj", (vision, dim)
    for norm in ("ln_pre", "ln_post"):
        yield f"visual.{norm}.weight", (vision,)
        yield f"visual.{norm}.bias", (vision,)
    yield from blocks("visual.", vision, layers)
    yield "token_embedding.weight", (49408, text)
    yield "positional_embedding", (77, text)
    yield "text_projection", (text, dim)
    yield "ln_final.weight", (text,)
    yield "ln_final.bias", (text,)
    yield from blocks("", text, layers)
    yield "logit_scale", ()


def main(folder):
    os.makedirs(folder, exist_ok=True)
    config = {"embed_dim": 512, "quick_gelu": True,
              "vision_cfg": {"image_size": 224, "layers": 12, "width": 768, "patch_size": 32},
              "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 512, "heads": 8, "layers": 12}}
    with open(os.path.join(folder, "open_clip_config.json"), "w") as file:
        json.dump({"model_cfg": config, "preprocess_cfg": {}}, file)
    header, offset = {}, 0
    for name, shape in tensors():
        size = 4
        for side in shape:
            size *= side
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(os.path.join(folder, "open_clip_model.safetensors"), "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for name, shape in tensors():
            file.write(formula.tensor(name, shape).tobytes())


if __name__ == "__main__":
    main(sys.argv[1])
