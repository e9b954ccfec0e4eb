#!/usr/bin/env python3
"""Makes another folder of the form of golden/preprocess with the Pillow that is installed here: pictures of every format
and mode, and what the reference's preprocessing makes of them. `test_golden_image_preprocess` then judges it:

    make_folder.py OUT ; CCLIP_GOLDEN=OUT build/tests/test_golden_image_preprocess
"""

import hashlib
import io
import json
import os
import random
import struct
import sys

import numpy as np
import PIL
from PIL import Image, features

FILTERS = {"bicubic": Image.BICUBIC, "bilinear": Image.BILINEAR, "lanczos": Image.LANCZOS, "nearest": Image.NEAREST}
# What Pillow opens, in the words of cclip: newer Pillows keep 16 bits as they are.
MODES = {"I;16": "I", "I;16B": "I"}


def noise(rng, width, height, channels):
    """Half smooth, half noise, with hard edges: everything a resampler can get wrong."""
    y, x = np.mgrid[0:height, 0:width]
    out = np.empty((height, width, channels))
    for c in range(channels):
        out[..., c] = 127 + 120 * np.sin(x / rng.uniform(2, 40) + y / rng.uniform(2, 40) + c)
    out += rng.normal(0, 25, out.shape) * (x > width / 2)[..., None]
    out[(x // 7 + y // 5) % 5 == 0] = rng.integers(0, 2) * 255
    return np.clip(out, 0, 255).astype(np.uint8)


def picture(rng, mode, width, height):
    if mode == "1":
        return Image.fromarray(noise(rng, width, height, 1)[..., 0]).convert("1")
    if mode == "P":
        return Image.fromarray(noise(rng, width, height, 3)).quantize(int(rng.integers(3, 257)))
    if mode == "I;16":
        return Image.fromarray(noise(rng, width, height, 1)[..., 0].astype(np.uint16) * 3 - 100)
    channels = len(Image.new(mode, (1, 1)).getbands())
    return Image.frombytes(mode, (width, height), noise(rng, width, height, channels).tobytes())


def saved(image, form, **options):
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def bitmap(rng, bits, width, height, masks=None, top_down=False):
    """A BMP that Pillow cannot write."""
    row = (width * bits + 31) // 32 * 4
    palette = rng.integers(0, 256, (1 << bits, 4), np.uint8).tobytes() if bits <= 8 else b""
    extra = b"".join(struct.pack("<I", m) for m in masks) if masks else b""
    header = struct.pack("<IiiHHIIiiII", 40 + (len(extra) if masks and len(masks) == 4 else 0) + (0), width,
                         -height if top_down else height, 1, bits, 3 if masks else 0, row * height, 0, 0, 0, 0)
    body = rng.integers(0, 256, row * height, np.uint8).tobytes()
    start = 14 + len(header) + len(extra) + len(palette)
    return b"BM" + struct.pack("<IHHI", start + len(body), 0, 0, start) + header + extra + palette + body


def run_bitmap(rng, four, width, height):
    """Run-length coded, with literals and skips."""
    data = bytearray()
    for _ in range(height):
        x = 0
        while x < width:
            count = int(min(rng.integers(1, 40), width - x))
            if rng.integers(0, 2) and count >= 3:
                size = (count + 1) // 2 if four else count
                data += bytes([0, count]) + rng.integers(0, 256, size, np.uint8).tobytes() + b"\0" * (size % 2)
            else:
                data += bytes([count, int(rng.integers(0, 256))])
            x += count
        data += b"\0\0"
    data += b"\0\1"
    bits = 4 if four else 8
    palette = rng.integers(0, 256, (1 << bits, 4), np.uint8).tobytes()
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, 2 if four else 1, len(data), 0, 0, 0, 0)
    start = 14 + 40 + len(palette)
    return b"BM" + struct.pack("<IHHI", start + len(data), 0, 0, start) + header + palette + bytes(data)


def pnm(rng, kind, width, height, maxval):
    count = width * height * (3 if kind in "36" else 1)
    values = rng.integers(0, (1 if kind in "14" else maxval) + 1, count)
    head = f"P{kind}\n# a comment\n{width} {height}\n" + ("" if kind in "14" else f"{maxval}\n")
    if kind == "4":
        bits = np.packbits(values.reshape(height, width).astype(np.uint8), axis=1)
        return head.encode() + bits.tobytes()
    if kind in "56":
        return head.encode() + values.astype(">u2" if maxval > 255 else np.uint8).tobytes()
    return (head + "\n".join(" ".join(map(str, values[i:i + 12])) for i in range(0, count, 12)) + "\n").encode()


def small_gif(rng, width, height):
    """A first frame that does not fill the canvas, with a transparent index."""
    frame = picture(rng, "P", width, height)
    data = bytearray(saved(frame, "GIF", transparency=int(rng.integers(0, 4))))
    data[6:10] = struct.pack("<HH", width + 9, height + 4)
    at = data.index(b"\x2c\0\0\0\0" + struct.pack("<HH", width, height))
    data[at + 1:at + 5] = struct.pack("<HH", 5, 3)
    return bytes(data)


def files(rng):
    for number in range(6):
        w, h = (int(v) for v in rng.integers(1, 500, 2))
        for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"):
            yield f"png_{mode.replace(';', '')}_{number}", saved(picture(rng, mode, w, h), "PNG")
        for mode in ("L", "RGB", "CMYK"):
            for sampling in range(3):
                options = {"quality": int(rng.integers(30, 100)), "subsampling": sampling}
                yield (f"jpeg_{mode}_{sampling}_{number}",
                       saved(picture(rng, mode, w, h), "JPEG", progressive=bool(number % 2), **options))
        for mode in ("RGB", "RGBA"):
            yield f"webp_{mode}_{number}", saved(picture(rng, mode, w, h), "WEBP", lossless=number % 2 == 0)
        frames = [picture(rng, "RGBA", w, h) for _ in range(3)]
        yield f"webp_frames_{number}", saved(frames[0], "WEBP", save_all=True, append_images=frames[1:])
        for mode in ("1", "L", "P", "RGB"):
            yield f"gif_{mode}_{number}", saved(picture(rng, mode, w, h), "GIF", interlace=number % 2)
        yield f"gif_small_{number}", small_gif(rng, w, h)
        for mode in ("1", "L", "P", "RGB", "RGBA"):
            yield f"bmp_{mode}_{number}", saved(picture(rng, mode, w, h), "BMP")
        for bits in (1, 4, 8, 16, 24, 32):
            yield f"bmp_made_{bits}_{number}", bitmap(rng, bits, w, h, top_down=bool(number % 2))
        yield f"bmp_565_{number}", bitmap(rng, 16, w, h, (0xF800, 0x7E0, 0x1F))
        yield f"bmp_xbgr_{number}", bitmap(rng, 32, w, h, (0xFF000000, 0xFF0000, 0xFF00))
        yield f"bmp_rle8_{number}", run_bitmap(rng, False, w, h)
        yield f"bmp_rle4_{number}", run_bitmap(rng, True, w, h)
        for kind in "123456":
            for maxval in (255, 15, 1000):
                if maxval == 255 or kind not in "14":
                    yield f"ppm_{kind}_{maxval}_{number}", pnm(rng, kind, w, h, maxval)
        for mode in ("1", "L", "P", "RGB", "RGBA", "CMYK", "LA", "I;16"):
            for compression in ("raw", "tiff_lzw"):
                yield f"tiff_{mode.replace(';', '')}_{compression}_{number}", saved(picture(rng, mode, w, h), "TIFF", compression=compression)


def placed(image, height, width, mode, pil_filter):
    """torchvision's and open_clip's transforms, in their own words."""
    w, h = image.size
    if mode == "squash":
        size = (width, height)
    elif mode == "shortest" and width == height:
        size = (width, int(width * h / w)) if w <= h else (int(width * w / h), width)
    else:
        pick = max if mode == "longest" else min
        ratio = pick(h / height, w / width)
        size = (round(w / ratio), round(h / ratio))
    image = image.resize(size, pil_filter)
    w, h = size
    if w < width or h < height:
        padded = Image.new(image.mode, (max(w, width), max(h, height)), 0)
        if image.mode == "P":
            padded.putpalette(image.getpalette())
        padded.paste(image, ((width - w) // 2 if w < width else 0, (height - h) // 2 if h < height else 0))
        image = padded
        w, h = image.size
    left, top = int(round((w - width) / 2.0)), int(round((h - height) / 2.0))
    return image.crop((left, top, left + width, top + height)).convert("RGB")


def main():
    out = os.path.join(sys.argv[1], "preprocess")
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    os.makedirs(os.path.join(out, "images"), exist_ok=True)
    rng = np.random.default_rng(seed)
    random.seed(seed)
    images = {}
    for name, data in files(rng):
        path = os.path.join(out, "images", name)
        with open(path, "wb") as file:
            file.write(data)
        image = Image.open(path)
        image.load()
        entry = {"file": f"images/{name}", "mode": MODES.get(image.mode, image.mode), "size_wh": list(image.size),
                 "sha256": hashlib.sha256(data).hexdigest()}
        if entry["mode"] == "I":
            image = image.convert("I")
        wanted = {"decoded_rgb": image.convert("RGB"), "expected": placed(image, 224, 224, "shortest", Image.BICUBIC)}
        for variant in random.sample(["64_bicubic", "31_lanczos", "100_bilinear", "squash_lanczos", "squash_nearest",
                                      "squash_bilinear", "longest_bicubic", "nearest", "wide_bicubic", "tall_bilinear"], 3):
            kind, pil_filter = variant.split("_")[0], FILTERS[variant.split("_")[-1]]
            mode = kind if kind in ("squash", "longest") else "shortest"
            height, width = (int(kind),) * 2 if kind.isdigit() else {"wide": (50, 120), "tall": (99, 40)}.get(kind, (96, 96))
            wanted["expected_" + variant] = placed(image, height, width, mode, pil_filter)
        for key, result in wanted.items():
            entry[key] = f"{name}.{key}.png"
            result.save(os.path.join(out, entry[key]), compress_level=1)
        images[name] = entry
    manifest = {"pillow": PIL.__version__, "libjpeg_turbo": features.version("libjpeg_turbo"), "mean": [0.48145466, 0.4578275, 0.40821073],
                "std": [0.26862954, 0.26130258, 0.27577711], "images": images}
    with open(os.path.join(out, "manifest.json"), "w") as file:
        json.dump(manifest, file)
    print(f"{len(images)} pictures in {out}")


if __name__ == "__main__":
    main()
