"""Writes small random models with the installed torch, transformers and open_clip, each with its expected results.

    python write_models.py OUT [--committed] [--only CASE ...]

Every case is a folder OUT/<case> with the checkpoint as that library writes it, and: image.npy, tokens.npy,
image_embeds_norm.npy, text_embeds_norm.npy, case.json; some also picture.png with picture_pixels.npy, or
tokenizer_cases.jsonl. `convert_to` in case.json lists the layouts that can express the model.
"""

import argparse
import contextlib
import io
import json
import os
import shutil
import sys
import tempfile
import warnings

warnings.filterwarnings("ignore")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")

import torch

import models
import small_vocabulary

MEAN, STD = [0.5, 0.4, 0.3], [0.2, 0.25, 0.3]     # not CLIP's own, so that a reader that ignores them shows
SMALL_VOCABULARY = len(small_vocabulary.small()[0])


def clip_tokenizer(context, vocabulary=None):
    from transformers import CLIPTokenizer
    vocab, merges = vocabulary or small_vocabulary.small()
    return CLIPTokenizer(vocab=vocab, merges=merges, model_max_length=context)


def image_processor(size):
    from transformers import CLIPImageProcessor
    return CLIPImageProcessor(size={"shortest_edge": size}, crop_size={"height": size, "width": size},
                              image_mean=MEAN, image_std=STD)


def check_picture(folder, processor):
    """The formula that picture_pixels.npy comes from is what the processor does."""
    import numpy as np
    from PIL import Image
    got = processor(images=Image.open(os.path.join(folder, "picture.png")), return_tensors="np")["pixel_values"]
    assert np.abs(got - np.load(os.path.join(folder, "picture_pixels.npy"))).max() < 1e-5


def tower(width, heads, layers, hidden, **more):
    return dict(hidden_size=width, num_attention_heads=heads, num_hidden_layers=layers, intermediate_size=hidden, **more)


def clip_model(text, vision, dim, vocabulary, context, image, patch, eos=None, seed=1):
    from transformers import CLIPConfig, CLIPModel
    text = dict(text, vocab_size=vocabulary, max_position_embeddings=context, bos_token_id=vocabulary - 2,
                eos_token_id=vocabulary - 1 if eos is None else eos, projection_dim=dim)
    vision = dict(vision, image_size=image, patch_size=patch, projection_dim=dim)
    return models.randomise(CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=dim)), seed)


# ------------------------------------------------------------------------------------------------ transformers

def hf_clip_f32(folder, _):
    model = clip_model(tower(48, 3, 2, 192), tower(64, 4, 2, 256), 32, SMALL_VOCABULARY, 77, 32, 8, seed=11)
    model.save_pretrained(folder)
    from transformers import CLIPProcessor
    CLIPProcessor(image_processor(32), clip_tokenizer(77)).save_pretrained(folder)
    models.write_picture(folder, 32, MEAN, STD, seed=12)
    check_picture(folder, image_processor(32))
    models.write_expected(
        folder, model, "CLIPModel f32; preprocessing inside processor_config.json; tokenizer.json without vocab.json",
        "hf", models.pixels(32, 32, 13), models.tokens(77, SMALL_VOCABULARY, 14),
        tokenizer_cases=models.write_tokenizer_cases(folder, clip_tokenizer(77)), picture="picture.png",
        convert_to=["hf", "open_clip"])


def hf_clip_bf16(folder, _):
    model = clip_model(tower(24, 3, 2, 60, hidden_act="gelu"), tower(30, 3, 2, 75, hidden_act="quick_gelu"),
                       16, SMALL_VOCABULARY, 20, 24, 8, seed=21)
    model = model.to(torch.bfloat16)
    model.save_pretrained(folder)
    from transformers import CLIPProcessor
    CLIPProcessor(image_processor(24), clip_tokenizer(20)).save_pretrained(folder)
    models.write_picture(folder, 24, MEAN, STD, seed=22)
    check_picture(folder, image_processor(24))
    models.write_expected(
        folder, model.float(), "CLIPModel bf16 with `dtype`; GELU in the text tower, QuickGELU in the image tower; 3 heads of 8 "
        "and 3 of 10; MLP 2.5 times the width; processor_config.json; tokenizer.json without vocab.json",
        "hf", models.pixels(24, 24, 23), models.tokens(20, SMALL_VOCABULARY, 24), dtype="bfloat16",
        tokenizer_cases=models.write_tokenizer_cases(folder, clip_tokenizer(20)), picture="picture.png",
        convert_to=["hf"])


def hf_clip_sharded(folder, _):
    model = clip_model(tower(24, 2, 1, 96, hidden_act="gelu"), tower(32, 4, 1, 128, hidden_act="gelu"),
                       20, 100, 16, 24, 8, seed=31)
    model.save_pretrained(folder, max_shard_size="40KB")
    image_processor(24).save_pretrained(folder)
    models.write_expected(
        folder, model, "CLIPModel f32 in several shards with model.safetensors.index.json; GELU in both towers; no tokenizer",
        "hf", models.pixels(24, 24, 32), models.tokens(16, 100, 33), convert_to=["hf", "open_clip"])


def hf_clip_eos2(folder, _):
    model = clip_model(tower(32, 4, 1, 128, layer_norm_eps=1e-3),
                       tower(32, 2, 1, 128, layer_norm_eps=1e-3), 24, 300, 16, 24, 8, eos=2, seed=41)
    model.save_pretrained(folder)
    models.write_expected(
        folder, model, "CLIPModel f32 with the old eos_token_id 2 (texts are pooled at their highest id) and layer_norm_eps 1e-3",
        "hf", models.pixels(24, 24, 42), models.tokens(16, 300, 43), convert_to=["hf"])


def siglip_model(text_width, vision_width, seed, eps=1e-6):
    from transformers import SiglipConfig, SiglipModel
    text = tower(text_width, 2, 1, 60, vocab_size=100, max_position_embeddings=12, projection_size=vision_width,
                 bos_token_id=98, eos_token_id=99, layer_norm_eps=eps)
    vision = tower(vision_width, 3, 1, 52, image_size=24, patch_size=8, layer_norm_eps=eps)
    return models.randomise(SiglipModel(SiglipConfig(text_config=text, vision_config=vision)), seed)


def siglip_processor():
    from transformers import SiglipImageProcessor
    return SiglipImageProcessor(size={"height": 24, "width": 24}, image_mean=MEAN, image_std=STD)


def hf_siglip(folder, _):
    model = siglip_model(24, 24, seed=51, eps=1e-3)
    model.save_pretrained(folder)
    siglip_processor().save_pretrained(folder)
    models.write_picture(folder, 24, MEAN, STD, seed=52)
    check_picture(folder, siglip_processor())
    models.write_expected(
        folder, model, "SiglipModel f32: bias on the logits, attention pooling head, bidirectional text read at its last "
        "position; layer_norm_eps 1e-3", "hf", models.pixels(24, 24, 53), models.tokens(12, 100, 54), picture="picture.png", convert_to=["hf"])


def hf_siglip_projection(folder, _):
    model = siglip_model(20, 24, seed=61)
    model.save_pretrained(folder)
    models.write_expected(
        folder, model, "SiglipModel f32 whose text tower is narrower than its projection (projection_size)",
        "hf", models.pixels(24, 24, 62), models.tokens(12, 100, 63), convert_to=["hf"])


# --------------------------------------------------------------------------------------------------- open_clip

class NoTokenizer:
    """Stands in for a tokenizer where the folder is to have none."""

    def save_pretrained(self, folder):
        pass


def open_clip_model(name, config, seed):
    import open_clip
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, name + ".json")
        with open(path, "w", encoding="utf-8") as out:
            json.dump(config, out)
        open_clip.add_model_config(path)
    model = open_clip.create_model(name, force_preprocess_cfg={"mean": MEAN, "std": STD, "interpolation": "bilinear",
                                                               "resize_mode": "squash"})
    return models.randomise(model, seed)


def open_clip_tokenizer(context):
    from open_clip.tokenizer import HFTokenizer
    with tempfile.TemporaryDirectory() as folder:
        clip_tokenizer(context).save_pretrained(folder)
        return HFTokenizer(folder, context_length=context)


def save_for_hf(folder, model, config, tokenizer, weights=True):
    from open_clip.push_to_hf_hub import save_for_hf as save
    with contextlib.redirect_stdout(io.StringIO()):
        save(model, tokenizer, config, folder, safe_serialization=weights)


def text_tower(width, heads, layers, context, vocabulary, **more):
    return dict(context_length=context, vocab_size=vocabulary, width=width, heads=heads, layers=layers, **more)


def oc_vit(folder, _):
    config = {"embed_dim": 32, "quick_gelu": True,
              "vision_cfg": {"image_size": 32, "layers": 2, "width": 64, "head_width": 16, "patch_size": 8},
              "text_cfg": text_tower(48, 3, 2, 77, SMALL_VOCABULARY, hf_tokenizer_name=".")}
    model = open_clip_model("oc_vit", config, seed=71)
    save_for_hf(folder, model, config, open_clip_tokenizer(77), weights="both")
    models.write_expected(
        folder, model, "open_clip save_for_hf: a plain ViT with QuickGELU, as .safetensors and as .bin, with tokenizer.json",
        "open_clip", models.pixels(32, 32, 72), models.tokens(77, SMALL_VOCABULARY, 73),
        also=["open_clip_pytorch_model.bin"],
        tokenizer_cases=models.write_tokenizer_cases(folder, clip_tokenizer(77)), convert_to=["open_clip", "hf"])


def oc_vit_layerscale_headwidth(folder, committed):
    config = {"embed_dim": 24,
              "vision_cfg": {"image_size": 24, "layers": 2, "width": 28, "head_width": 14, "patch_size": 8,
                             "mlp_ratio": 2.62, "ls_init_value": 0.1},
              "text_cfg": text_tower(24, 4, 1, 16, 100, mlp_ratio=3.0, ls_init_value=0.1)}
    model = open_clip_model("oc_vit_layerscale_headwidth", config, seed=81)
    save_for_hf(folder, model, config, NoTokenizer(), weights=True if committed else "both")
    models.write_picture(folder, 24, MEAN, STD, seed=82)
    models.write_expected(
        folder, model, "open_clip save_for_hf: ViT with layer scale in both towers, heads of 14 and 6, odd MLP ratios, exact GELU; "
        "squash resizing, bilinear, own mean and std", "open_clip", models.pixels(24, 24, 83), models.tokens(16, 100, 84),
        picture="picture.png", convert_to=["open_clip"])


def oc_resnet(folder, committed):
    width, layers = (2, [1, 2, 1, 1]) if committed else (8, [2, 1, 1, 2])
    config = {"embed_dim": 24, "quick_gelu": True,
              "vision_cfg": {"image_size": 64, "layers": layers, "width": width, "head_width": width * 8, "patch_size": None},
              "text_cfg": text_tower(16, 2, 1, 16, 100)}
    model = open_clip_model("oc_resnet", config, seed=91)
    save_for_hf(folder, model, config, NoTokenizer(), weights=True)
    models.write_expected(
        folder, model, f"open_clip save_for_hf: modified ResNet {layers}, width {width}, 4 heads in its attention pool",
        "open_clip", models.pixels(64, 64, 92), models.tokens(16, 100, 93), convert_to=["open_clip"])


def oc_clipa(folder, _):
    config = {"embed_dim": 24,
              "vision_cfg": {"image_size": 32, "layers": 2, "width": 48, "head_width": 16, "patch_size": 8,
                             "no_ln_pre": True, "pool_type": "avg", "final_ln_after_pool": True},
              "text_cfg": text_tower(32, 2, 2, 16, 300, pool_type="last", no_causal_mask=True)}
    model = open_clip_model("oc_clipa", config, seed=101)
    save_for_hf(folder, model, config, NoTokenizer(), weights=True)
    models.write_expected(
        folder, model, "open_clip save_for_hf, CLIPA's options: no ln_pre, mean of the patches and then the norm; "
        "bidirectional text read at its last position", "open_clip", models.pixels(32, 32, 102), models.tokens(16, 300, 103),
        convert_to=["open_clip"])


def oc_train_checkpoint(folder, committed):
    text = (16, 2, 1) if committed else (48, 3, 2)
    vision = {"layers": 1, "width": 12, "head_width": 6} if committed else {"layers": 2, "width": 64, "head_width": 16}
    config = {"embed_dim": 16, "quick_gelu": True, "vision_cfg": {"image_size": 24, "patch_size": 6, **vision},
              "text_cfg": text_tower(*text, 16, 100)}
    model = open_clip_model("oc_train_checkpoint", config, seed=111)
    image, rows = models.pixels(24, 24, 112), models.tokens(16, 100, 113)
    optimizer = one_step(model, image, rows)
    parallel = torch.nn.DataParallel(model)              # gives the names the prefix "module.", as in a distributed run
    torch.save({"epoch": 1, "name": "interop", "state_dict": parallel.state_dict(), "optimizer": optimizer.state_dict()},
               os.path.join(folder, "epoch_1.pt"))
    from open_clip.push_to_hf_hub import save_config_for_hf
    from pathlib import Path
    save_config_for_hf(model, Path(folder) / "open_clip_config.json", config)
    models.write_expected(
        folder, model.eval(), "open_clip's training checkpoint (epoch, name, state_dict with the prefix `module.`, optimizer) "
        "beside open_clip_config.json", "open_clip", image, rows, checkpoint="epoch_1.pt", convert_to=["open_clip", "hf"])


def one_step(model, image, rows):
    """One training step in open_clip's way, so that the optimizer has its state."""
    import open_clip
    plain = [p for p in model.parameters() if p.ndim < 2]
    decayed = [p for p in model.parameters() if p.ndim >= 2]
    optimizer = torch.optim.AdamW([{"params": plain, "weight_decay": 0.0}, {"params": decayed, "weight_decay": 0.2}],
                                  lr=1e-3, betas=(0.9, 0.98), eps=1e-6)
    model.train()
    out = model(torch.from_numpy(image), torch.from_numpy(rows[:2]))
    open_clip.ClipLoss()(*out[:3]).backward()
    optimizer.step()
    optimizer.zero_grad()
    return optimizer


# ------------------------------------------------------------------------------------------------------- all

CASES = [hf_clip_f32, hf_clip_bf16, hf_clip_sharded, hf_clip_eos2, hf_siglip, hf_siglip_projection,
         oc_vit, oc_vit_layerscale_headwidth, oc_resnet, oc_clipa, oc_train_checkpoint]
COMMITTED = [hf_clip_bf16, hf_clip_sharded, hf_siglip, oc_vit_layerscale_headwidth, oc_resnet, oc_train_checkpoint]


def write(out, committed=False, only=None):
    """Writes the cases and returns their folders."""
    folders = []
    for case in COMMITTED if committed else CASES:
        if only and case.__name__ not in only:
            continue
        folder = os.path.join(out, case.__name__)
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        torch.manual_seed(0)
        with contextlib.redirect_stderr(io.StringIO()):
            case(folder, committed)
        for name in os.listdir(folder):
            os.chmod(os.path.join(folder, name), 0o644)
        folders.append(folder)
    return folders


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out")
    parser.add_argument("--committed", action="store_true", help="only the six small ones that live in tests/data/interop")
    parser.add_argument("--only", nargs="*", metavar="CASE")
    options = parser.parse_args()
    for folder in write(options.out, options.committed, options.only):
        with open(os.path.join(folder, "case.json"), encoding="utf-8") as text:
            case = json.load(text)
        size = sum(os.path.getsize(os.path.join(folder, name)) for name in os.listdir(folder))
        print(f"{case['case']:30} {size:8} bytes  float64 {case['difference_to_float64']:.1e}  largest cosine "
              f"{case['largest_cosine_between_images']:.2f} {case['largest_cosine_between_texts']:.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
