#!/usr/bin/env python3
"""Gradients of kinds of models that golden/train has none of: make_gradients.py GOLDEN OUT

Needs open_clip and timm. For each model folder below GOLDEN/models its open_clip model in double precision with
weights by formula, one batch of 16 pairs by formula, and autograd's gradients of the contrastive loss (with a
bias: the sigmoid loss). Written as OUT/<model>.json, with cclip's names."""

import json
import os
import sys

import open_clip
import timm
import torch
import torch.nn.functional as F

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../benchmarks/encode/peers"))
import formula

MODELS = ["oc_avgpool", "oc_clipa", "oc_layerscale", "oc_siglip_timm", "oc_attnpool", "oc_attnpool_samedim",
          "oc_embed_cls", "oc_customblock"]
COUNT = 16
TIMM = [("visual.trunk.patch_embed.proj.", "visual.conv1."), ("visual.trunk.pos_embed", "visual.positional_embedding"),
        ("visual.trunk.norm.", "visual.ln_post."), ("visual.trunk.blocks.", "visual.transformer.resblocks."),
        (".norm1.", ".ln_1."), (".norm2.", ".ln_2."), (".attn.qkv.", ".attn.in_proj_"),
        (".attn.proj.", ".attn.out_proj."), (".mlp.fc1.", ".mlp.c_fc."), (".mlp.fc2.", ".mlp.c_proj."),
        ("visual.trunk.attn_pool.proj.", "visual.attn_pool.out_proj."), ("visual.trunk.", "visual.")]


def ours(name):
    if "trunk" in name:
        for theirs, own in TIMM:
            name = name.replace(theirs, own)
        return name
    if name.startswith(("visual.", "logit_", "text.")):
        return name
    return "text." + name


def cclip_gradients(model):
    """{name: gradient}, queries and keys of a pooler joined as cclip keeps them."""
    out = {ours(name): p.grad for name, p in model.named_parameters() if p.grad is not None}
    for part in ("weight", "bias"):
        q, kv = (out.pop(f"visual.attn_pool.{which}.{part}", None) for which in ("q", "kv"))
        if q is not None:
            out[f"visual.attn_pool.in_proj_{part}"] = torch.cat([q, kv])
    return out


class Trunk(torch.nn.Module):
    """open_clip's wrapper of a timm tower, for sizes that it cannot pass on."""

    def __init__(self, name, pool, options):
        super().__init__()
        self.trunk = timm.create_model(name, num_classes=0, global_pool=pool, **options)

    def forward(self, images):
        return self.trunk(images)


def build(cfg):
    cfg = json.loads(json.dumps(cfg))
    custom, vision = cfg.pop("custom_text", False), cfg["vision_cfg"]
    trunk = None
    for tower in ("vision_cfg", "text_cfg"):
        cfg[tower].pop("output_tokens", None)  # the embeddings alone
    if "timm_model_name" in vision:
        trunk = Trunk(vision["timm_model_name"], vision["timm_pool"], vision["timm_model_kwargs"])
        cfg["vision_cfg"] = {"image_size": 32, "layers": 1, "width": 64, "patch_size": 8}
    model = (open_clip.model.CustomTextCLIP if custom else open_clip.model.CLIP)(**cfg)
    if trunk:
        model.visual = trunk
    return model


def loss_of(model, images, tokens):
    image = F.normalize(model.encode_image(images), dim=-1)
    text = F.normalize(model.encode_text(tokens), dim=-1)
    logits = model.logit_scale.exp() * image @ text.T
    if getattr(model, "logit_bias", None) is None:
        labels = torch.arange(COUNT)
        return (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2
    signs = 2 * torch.eye(COUNT, dtype=logits.dtype) - 1
    return -F.logsigmoid(signs * (logits + model.logit_bias)).sum() / COUNT


torch.bmm = torch.matmul  # open_clip 3.3's cosine attention gives it four dimensions


def main(golden, out):
    for name in MODELS:
        cfg = json.load(open(f"{golden}/models/{name}/config.json"))["model_cfg"]
        model = build(cfg)
        with torch.no_grad():
            for key, value in model.state_dict().items():
                if value.is_floating_point():
                    value.copy_(torch.from_numpy(formula.tensor(key, tuple(value.shape))))
        model = model.double().train()
        size, text = cfg["vision_cfg"]["image_size"], cfg["text_cfg"]
        images = torch.from_numpy(formula.image("train.images.0", (COUNT, 3, size, size))).double()
        tokens = torch.from_numpy(formula.token_rows("train.tokens.0", COUNT, text["context_length"], text["vocab_size"]))
        loss = loss_of(model, images, tokens)
        loss.backward()
        gradients = cclip_gradients(model)
        rows = []
        for key in sorted(gradients):
            g = gradients[key].reshape(-1)
            first = ", ".join(f"{x:.9g}" for x in g[:4].tolist())
            rows.append(f'"{key}": {{"l2": {g.norm().item():.9g}, "first4": [{first}]}}')
        with open(f"{out}/{name}.json", "w") as file:
            file.write(f'{{"model": "{name}", "loss": {loss.item():.9g}, "grads": {{\n')
            file.write(",\n".join(rows) + "\n}}\n")
        print(name, loss.item(), len(rows), file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
