"""Writes tests/data/wide: ViT-H/14's widths with few layers, its results by numpy_clip.py. Weights and picture are by formula.

    python write_wide.py ../data/wide

The widest published architecture that no golden folder has: 1280 wide, 16 heads of 80, patch 14. Needs numpy.
"""

import json
import os
import sys

import numpy as np

import gguf_by_formula as gguf
import numpy_clip

MODEL = gguf.Model("ViT-H-14 with 2 layers", gguf.Tower(1280, 2, 16), gguf.Tower(1024, 1, 16), 14, 1024, type=gguf.F32)
VOCABULARY, PICTURES, TEXTS = 600, 3, 3


class Formula:
    """Unlike gguf.State: as safetensors hold the weights, the convolution too in float32."""

    def __init__(self):
        self.shapes = {name: shape for name, shape, *_ in gguf.tensors(MODEL, VOCABULARY)}

    def __getitem__(self, name):
        return gguf.formula.tensor(name, self.shapes[name])


def config(shapes):
    vision, text = MODEL.vision, MODEL.text
    return {"model": MODEL.name, "image": "input.image", "pictures": PICTURES,
            "model_cfg": {"embed_dim": MODEL.dim, "quick_gelu": True,
                          "vision_cfg": {"image_size": MODEL.size, "layers": vision.layers, "width": vision.width,
                                         "head_width": vision.width // vision.heads, "patch_size": MODEL.patch},
                          "text_cfg": {"context_length": MODEL.context, "vocab_size": VOCABULARY, "width": text.width,
                                       "heads": text.heads, "layers": text.layers}},
            "state_dict": {**{name: list(shape) for name, shape in shapes.items()}, "logit_scale": []}}


def main(folder):
    weights = Formula()
    tokens = gguf.formula.token_rows("input.tokens", TEXTS, MODEL.context, VOCABULARY)
    image = numpy_clip.images(MODEL, weights, gguf.formula.image("input.image", (PICTURES, 3, MODEL.size, MODEL.size)))
    text = np.stack([numpy_clip.text(MODEL, weights, row[:row.tolist().index(VOCABULARY - 1) + 1]) for row in tokens])
    os.makedirs(folder, exist_ok=True)
    for name, array in (("tokens", tokens.astype(np.int32)), ("image_embeds_norm", numpy_clip.normalise(image)),
                        ("text_embeds_norm", numpy_clip.normalise(text))):
        np.save(os.path.join(folder, name + ".npy"), array)
    with open(os.path.join(folder, "config.json"), "w", encoding="ascii") as out:
        json.dump(config(weights.shapes), out, indent=1)
        out.write("\n")


if __name__ == "__main__":
    main(os.path.join(sys.argv[1], "vit_h14"))
