#!/usr/bin/env python3
"""Writes the corpora of fuzz_config and fuzz_weights: configurations, and files with few small tensors under the names of each
layout. Needs nothing but Python. Usage: make_corpora.py [CORPORA-FOLDER]"""
import json
import os
import struct
import sys

here = os.path.dirname(os.path.abspath(__file__))
target = sys.argv[1] if len(sys.argv) > 1 else os.path.join(here, "..", "corpora")


def write(corpus, name, data):
    os.makedirs(os.path.join(target, corpus), exist_ok=True)
    with open(os.path.join(target, corpus, name), "wb") as file:
        file.write(data)


# --- configurations ---

def config(name, text, preprocessor=None):
    whole = {"config": text} | ({"preprocessor": preprocessor} if preprocessor else {})
    write("config", name, json.dumps(whole, separators=(",", ":")).encode())


TEXT = {"context_length": 16, "vocab_size": 100, "width": 32, "heads": 2, "layers": 1}
VISION = {"image_size": 32, "layers": 2, "width": 64, "head_width": 16, "patch_size": 8}
CUSTOM = dict(ls_init_value=1e-5, qk_norm=True, scaled_cosine_attn=False, scale_heads=True, scale_attn_inner=True, scale_attn=True,
              scale_fc=True, mlp_ratio=2.62, norm_kwargs={"eps": 1e-6}, act_kwargs={"approximate": "tanh"})
config("open_clip", {"embed_dim": 32, "quick_gelu": True, "vision_cfg": VISION, "text_cfg": TEXT})
config("open_clip_options", {"model_cfg": {
    "embed_dim": 32, "custom_text": True, "init_logit_bias": -10,
    "vision_cfg": VISION | CUSTOM | {"image_size": [32, 48], "no_ln_pre": True, "pool_type": "avg", "final_ln_after_pool": True,
                                     "attentional_pool": True, "attn_pooler_queries": 4, "attn_pooler_heads": 2},
    "text_cfg": TEXT | CUSTOM | {"pool_type": "eos", "eos_id": 99, "embed_cls": True, "no_causal_mask": True, "proj_bias": True,
                                 "pad_id": 3, "proj_type": "linear", "tokenizer_kwargs": {"clean": "lower"}}},
    "preprocess_cfg": {"mean": [0.5, 0.4, 0.3], "std": 0.5, "interpolation": "bilinear", "resize_mode": "squash",
                       "background": "white"}})
config("resnet", {"embed_dim": 32, "vision_cfg": {"image_size": 64, "layers": [1, 2, 1, 1], "width": 8, "patch_size": None},
                  "text_cfg": TEXT})
config("timm", {"embed_dim": 64, "vision_cfg": {
    "image_size": 32, "timm_model_name": "vit_base_patch16_siglip_224", "timm_pool": "map", "timm_proj": "none",
    "timm_model_kwargs": {"img_size": 32, "patch_size": 8, "embed_dim": 64, "depth": 1, "num_heads": 4, "mlp_ratio": 3.7}},
    "text_cfg": TEXT | {"pool_type": "last", "no_causal_mask": True, "proj_bias": True}})
TOWER = {"hidden_size": 32, "intermediate_size": 60, "num_hidden_layers": 1, "num_attention_heads": 2, "hidden_act": "gelu",
         "layer_norm_eps": 1e-3}
for kind in ("clip", "siglip"):
    config("hf_" + kind, {
        "model_type": kind, "projection_dim": 16,
        "text_config": TOWER | {"vocab_size": 100, "max_position_embeddings": 12, "eos_token_id": [2, 99], "pad_token_id": 1},
        "vision_config": TOWER | {"image_size": 24, "patch_size": 8, "num_channels": 3}},
        {"image_processor": {"size": {"shortest_edge": 28}, "crop_size": {"height": 24, "width": 24}, "resample": 2,
                             "image_mean": [0.5, 0.4, 0.3], "image_std": [0.2, 0.25, 0.3], "background": "#102030"}})


# --- tensors ---

SIZES = {"F32": 4, "F16": 2, "BF16": 2, "F64": 8, "I64": 8}


def tensors(name, entries):
    """Entries are (name, type, shape); the bytes count up."""
    header, place = {}, 0
    for tensor, dtype, shape in entries:
        count = SIZES[dtype]
        for side in shape:
            count *= side
        header[tensor] = {"dtype": dtype, "shape": shape, "data_offsets": [place, place + count]}
        place += count
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    write("weights", name, struct.pack("<Q", len(text)) + text + bytes(i & 0xff for i in range(place)))


QKV = [("self_attn.%s_proj.weight" % part, [2, 3]) for part in "vqk"]
LAYER = "text_model.encoder.layers.0."
tensors("openai", [("visual.proj", "F16", [4, 2]), ("text_projection", "F32", [3, 2]), ("logit_scale", "F32", []),
                   ("visual.bn1.num_batches_tracked", "I64", []), ("input_resolution", "I64", []), ("stranger", "F32", [1])])
tensors("training", [("module." + name, "F32", [2]) for name in ("visual.ln_post.weight", "text.ln_final.weight")])
tensors("timm", [("visual.trunk.pos_embed", "F64", [1, 2, 3]), ("visual.trunk.attn_pool.kv.weight", "F32", [4, 2]),
                 ("visual.trunk.attn_pool.q.weight", "F16", [2, 2]), ("text.text_projection.bias", "BF16", [3]),
                 ("logit_bias", "F32", [1])])
tensors("same_weight", [("visual.trunk.norm.weight", "F32", [2]), ("text.ln_final.bias", "F32", [2]), ("ln_final.bias", "F32", [2])])
tensors("hf_clip", [(LAYER + name, "BF16", shape) for name, shape in QKV] +
        [("visual_projection.weight", "F32", [2, 4]), ("vision_model.post_layernorm.bias", "F32", [4]), ("logit_scale", "F32", [])])
tensors("hf_part_missing", [(LAYER + name, "F32", shape) for name, shape in QKV[:2]] +
        [("vision_model.post_layernorm.bias", "I64", [2])])
tensors("hf_siglip", [("vision_model.head.probe", "F32", [1, 1, 4]), ("text_model.head.weight", "F32", [2, 2]),
                      ("logit_bias", "F32", [1])])
tensors("no_clip", [("bert.encoder.weight", "F32", [2]), ("bert.decoder.weight", "F32", [2])])
