#!/usr/bin/env python3
"""Copies a choice of the golden data into tests/data/golden, in the same form, so that a clone without the whole
of it proves parity too.   python3 tests/golden/copy_share.py ../shared/golden tests/data/golden

What is left out of a folder is left out of its JSON as well: tests find what the JSON says, and nothing is skipped.
Pictures that the formula gives are left out; tests make them."""
import json
import os
import re
import shutil
import sys

# Folders whose activations are copied, and the largest file of those.
ACTIVATIONS = {"oc_attnpool": 6000, "oc_customblock": 9000, "oc_embed_cls": 6000, "oc_rn_tiny": 9000,
               "oc_siglip_timm": 9000, "openai_vit_2head": 6000}
CHECKPOINTS = {"openai_vit_tiny": ["model_jit_fp16_cuda_names.pt"]}
GGUF = {"hf_vit_tiny/gguf": ["model_q4_0.gguf", "merges.txt", "README.md"]}
FULL_SIZE = ["RN50", "ViT-B-32"]
FEW_SUMS = re.compile(r"(?!.*\.resblocks\.[1-9])(?!.*\.layer[234])")  # of the first block only
POSITIONS = ["visual_6x6", "visual_3x3", "visual_4x6", "text_16"]
PICTURES = ["bilevel_330x250", "exact_224", "gif_2frames_260x200", "gradient_320x240", "gray16_300x240",
            "gray_alpha_300x200", "jpeg_422_331x253", "jpeg_gray_290x230", "odd_crop_451x224", "one_pixel",
            "palette_280x210", "palette_trns_260x180", "rgba_340x260", "tall_3x500", "two_by_one",
            "webp_lossless_rgba_240x230"]
LARGEST_PICTURE = 24000
EVERY_LINE = {"dev.jsonl": 25, "decode.jsonl": 4, "pretokens.jsonl": 4}
EVALUATION = {"linear_probe": ["expected.json", "test_x.npy", "test_y.npy", "train_x.npy", "train_y.npy"],
              "retrieval": None, "zeroshot": None}


class Share:
    def __init__(self, source, target):
        self.source, self.target, self.bytes = source, target, 0

    def path(self, *parts):
        path = os.path.join(self.target, *parts)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return path

    def count(self, path):
        os.chmod(path, 0o644)
        self.bytes += os.path.getsize(path)

    def copy(self, *parts):
        source = os.path.join(self.source, *parts)
        if os.path.exists(source):
            shutil.copyfile(source, self.path(*parts))
            self.count(self.path(*parts))

    def read(self, *parts):
        with open(os.path.join(self.source, *parts)) as file:
            return json.load(file)

    def write(self, value, *parts):
        with open(self.path(*parts), "w") as file:
            json.dump(value, file, separators=(",", ":"))
            file.write("\n")
        self.count(self.path(*parts))

    def names(self, *parts):
        return sorted(os.listdir(os.path.join(self.source, *parts)))


def is_result(name):
    return name.endswith(".npy") and ("_embeds" in name or "logits" in name or name in ("tokens.npy", "image_tokens.npy"))


def copy_model(share, name):
    config = share.read("models", name, "config.json")
    files = CHECKPOINTS.get(name, [])
    config["files"] = {k: v for k, v in config["files"].items() if k in files}
    config.pop("state_dict_dtypes", None)
    kept = {}
    for activation, facts in config["activations"].items():
        path = os.path.join(share.source, "models", name, "act", activation + ".npy")
        if os.path.getsize(path) <= ACTIVATIONS.get(name, 0):
            kept[activation] = facts
            share.copy("models", name, "act", activation + ".npy")
    config["activations"] = kept
    share.write(config, "models", name, "config.json")
    for file in share.names("models", name):
        if is_result(file) or file in files:
            share.copy("models", name, file)


def copy_positions(share, name):
    config = share.read("models", name, "config.json")
    config["cases"] = {k: v for k, v in config["cases"].items() if k in POSITIONS}
    share.write(config, "models", name, "config.json")
    for file in share.names("models", name):
        if file.startswith("e2e_") or file[:-4] in POSITIONS or "_source" in file:
            share.copy("models", name, file)


def copy_models(share):
    for name in share.names("models"):
        if os.path.exists(os.path.join(share.source, "models", name, "config.json")):
            config = share.read("models", name, "config.json")
            (copy_model if "inputs" in config else copy_positions)(share, name)
    for folder, files in GGUF.items():
        parent = os.path.dirname(folder)
        for file in ("image.npy", "tokens.npy", "mapping.json"):
            share.copy("models", parent, file)
        prefixes = [f.split("_", 1)[1][:-5] + "." for f in files if f.endswith(".gguf")]
        for file in share.names("models", folder):
            if file in files or any(file.startswith(p) for p in prefixes):
                share.copy("models", folder, file)
    for name in FULL_SIZE:
        share.copy("models", "fullsize", name, "meta.json")
        tensors = share.read("models", "fullsize", name, "tensors.json")
        short = {k: v if FEW_SUMS.match(k) else {"shape": v["shape"]} for k, v in tensors.items()}
        share.write(short, "models", "fullsize", name, "tensors.json")
        for file in share.names("models", "fullsize", name):
            if file.endswith(".npy"):
                share.copy("models", "fullsize", name, file)


def copy_pictures(share):
    manifest = share.read("preprocess", "manifest.json")
    kept = {}
    for name, entry in manifest["images"].items():
        if name not in PICTURES:
            continue
        kept[name] = {}
        for key, value in entry.items():
            is_file = key == "file" or key.startswith("expected") or key == "decoded_rgb"
            path = os.path.join(share.source, "preprocess", value) if is_file else ""
            if not is_file:
                kept[name][key] = value
            elif os.path.getsize(path) <= LARGEST_PICTURE:
                kept[name][key] = value
                share.copy("preprocess", value)
    manifest["images"] = kept
    share.write(manifest, "preprocess", "manifest.json")


def copy_lines(share):
    for file, every in EVERY_LINE.items():
        with open(os.path.join(share.source, "tokenizer", file)) as source:
            lines = source.readlines()[::every]
        with open(share.path("tokenizer", file), "w") as target:
            target.writelines(lines)
        share.count(share.path("tokenizer", file))


def copy_training(share):
    """All but the gradients in full; their lengths, largest and first values are in grads.json."""
    for folder in share.names("train"):
        for file in share.names("train", folder):
            if file != "grads.safetensors":
                share.copy("train", folder, file)


def main():
    share = Share(sys.argv[1], sys.argv[2])
    copy_models(share)
    copy_pictures(share)
    copy_lines(share)
    copy_training(share)
    for name, chosen in EVALUATION.items():
        for file in chosen or share.names("eval", name):
            share.copy("eval", name, file)
    print(f"{share.bytes} bytes")


main()
