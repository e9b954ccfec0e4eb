"""Random weights and reference results for the small models that the interop tests write."""

import json
import os

import numpy as np
import torch

import small_vocabulary

TOLERANCE = 1e-5


def versions():
    import open_clip
    import tokenizers
    import transformers
    return {"torch": torch.__version__, "transformers": transformers.__version__,
            "tokenizers": tokenizers.__version__, "open_clip_torch": open_clip.__version__}


def _draw(name, value, rng):
    """A value for one parameter, scaled so that the signal neither fades nor explodes."""
    shape, normal = tuple(value.shape), rng.standard_normal
    leaf = name.rsplit(".", 1)[-1]
    if leaf == "logit_scale":
        return np.full(shape, 2.5)
    if leaf == "logit_bias":
        return np.full(shape, -3.25)
    if leaf == "gamma":                                   # layer scale
        return 0.4 + 0.4 * rng.random(shape)
    if leaf == "running_var":
        return 0.5 + rng.random(shape)
    if leaf in ("bias", "in_proj_bias", "running_mean"):
        return 0.15 * normal(shape)
    if len(shape) == 1 and leaf == "weight":              # gain of a norm
        return 1 + 0.2 * normal(shape)
    if "embedding" in name and "patch" not in name or leaf == "probe":
        return 0.6 * normal(shape)
    if len(shape) == 2 and leaf in ("proj", "text_projection"):   # used as x @ W
        return normal(shape) / np.sqrt(shape[0])
    fan_in = int(np.prod(shape[1:])) if len(shape) > 1 else 1
    return 1.3 * normal(shape) / np.sqrt(fan_in)


def randomise(model, seed):
    """Fills every parameter and floating-point buffer from a fixed seed, in the order of the state dict."""
    rng = np.random.default_rng(seed)
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if value.is_floating_point():
                value.copy_(torch.from_numpy(np.asarray(_draw(name, value, rng))))
    return model.eval()


def pixels(height, width, seed):
    """Two quite different pictures: noise, a tint and a slope each. A convolutional tower tells plain noise hardly apart."""
    rng = np.random.default_rng(seed)
    noise, tint, slope = rng.standard_normal((2, 3, height, width)), rng.standard_normal((2, 3, 1, 1)), rng.standard_normal((2, 3, 2))
    y, x = np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)[None]
    plane = slope[..., 0, None, None] * y + slope[..., 1, None, None] * x
    return (0.5 * noise + tint + plane).astype(np.float32)


def tokens(context, vocabulary, seed):
    """Four rows; the end token has the highest id, the start token the one below it.

    0 is short and padded with zeros, 1 fills the context, 2 has two end tokens (the first counts), 3 has none
    and holds its highest id twice.
    """
    start, end = vocabulary - 2, vocabulary - 1
    rng = np.random.default_rng(seed)
    rows = rng.integers(1, vocabulary - 20, (4, context))
    rows[:, 0] = start
    rows[0, 5] = end
    rows[0, 6:] = 0
    rows[1, -1] = end
    rows[2, [4, 7]] = end
    rows[3, [2, 4]] = vocabulary - 5
    rows[3, 0] = 1
    return rows.astype(np.int64)


def embeddings(model, family, image, text, dtype=torch.float32):
    """Normalised image and text embeddings, the arithmetic in `dtype`, the weights as the model has them."""
    import copy
    model = copy.deepcopy(model).to(dtype).eval()
    image, text = torch.from_numpy(image).to(dtype), torch.from_numpy(text)
    with torch.no_grad():
        if family == "hf":
            image_out, text_out = model.get_image_features(pixel_values=image), model.get_text_features(input_ids=text)
            image_out, text_out = (getattr(out, "pooler_output", out) for out in (image_out, text_out))
        else:
            image_out, text_out = model.encode_image(image), model.encode_text(text)
    return [torch.nn.functional.normalize(out, dim=-1).numpy() for out in (image_out, text_out)]


def _largest_cosine(rows):
    product = rows @ rows.T
    return float(np.max(product[~np.eye(len(rows), dtype=bool)]))


def write_expected(folder, model, about, family, image, text, **more):
    """image.npy, tokens.npy, the expected embeddings and case.json."""
    single = embeddings(model, family, image, text)
    double = embeddings(model, family, image, text, torch.float64)
    for name, array in (("image", image), ("tokens", text), ("image_embeds_norm", single[0]), ("text_embeds_norm", single[1])):
        np.save(os.path.join(folder, name + ".npy"), array)
    case = {
        "case": os.path.basename(folder), "about": about, "family": family, "checkpoint": ".", "dtype": "float32",
        "image": list(image.shape), "tokens": list(text.shape), "embed_dim": single[0].shape[1],
        "tolerance": TOLERANCE,
        "difference_to_float64": float(max(np.abs(s - d).max() for s, d in zip(single, double))),
        "largest_cosine_between_images": _largest_cosine(double[0]),
        "largest_cosine_between_texts": _largest_cosine(double[1]),
        "logit_scale": float(model.logit_scale.detach()),
    }
    bias = getattr(model, "logit_bias", None)
    if bias is not None:
        case["logit_bias"] = float(bias.detach())
    case.update(more)
    case["written_by"] = versions()
    assert case["difference_to_float64"] < 2e-6, case
    with open(os.path.join(folder, "case.json"), "w", encoding="utf-8") as out:
        json.dump(case, out, indent=1, ensure_ascii=False)
        out.write("\n")


def write_picture(folder, size, mean, std, seed):
    """picture.png, already of the model's size, and the input that the model makes of it."""
    from PIL import Image
    u8 = np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8)
    Image.fromarray(u8).save(os.path.join(folder, "picture.png"))
    mean, std = np.asarray(mean, np.float32), np.asarray(std, np.float32)
    out = ((u8.astype(np.float32) / np.float32(255)) - mean) / std
    np.save(os.path.join(folder, "picture_pixels.npy"), out.transpose(2, 0, 1)[None].copy())


def write_tokenizer_cases(folder, tokenizer):
    texts = small_vocabulary.TEXTS
    with open(os.path.join(folder, "tokenizer_cases.jsonl"), "w", encoding="ascii") as out:
        for text in texts:
            out.write(json.dumps({"text": text, "ids": tokenizer(text)["input_ids"]}) + "\n")
    return len(texts)
