"""Writes expected.npy and colours.npy: what torchvision and Pillow make of the cases in cases.tsv.

    python3 make.py     (torchvision 0.29, Pillow 13; in this folder)

Pictures are made by a formula that tests/unit/image/test_augment.c knows too.
"""
import numpy as np
import torchvision.transforms.functional as F
from PIL import Image
from torchvision.transforms import InterpolationMode

HEIGHT, WIDTH = 16, 20  # of the model's input


def values(width, height, channels):
    y, x, c = np.meshgrid(range(height), range(width), range(channels), indexing="ij")
    return ((x * 7 + y * 13 + c * 85 + (x * y % 17) * 5 + (x // 9 + y // 7) * 40) % 256).astype(np.uint8)


def picture(mode, width, height):
    if mode in ("L", "P"):
        out = Image.fromarray(values(width, height, 1)[:, :, 0])
        if mode == "P":
            out = out.copy()
            out.putpalette([(i * k + 11 * k) % 256 for i in range(256) for k in (1, 3, 7)], "RGB")
        return out
    channels = {"LA": 2, "RGB": 3, "RGBA": 4, "CMYK": 4}[mode]
    return Image.frombytes(mode, (width, height), values(width, height, channels).tobytes())


JITTER = [F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, F.adjust_hue]


def run(case):
    image = picture(case["mode"], int(case["width"]), int(case["height"]))
    if case["background"] != "-":
        rgba = image.convert("RGBA")
        colour = tuple(int(case["background"][i : i + 2], 16) for i in (0, 2, 4))
        image = Image.alpha_composite(Image.new("RGBA", rgba.size, colour + (255,)), rgba).convert("RGB")
    top, left, height, width = (int(case[k]) for k in ("top", "left", "cut_height", "cut_width"))
    image = F.resized_crop(image, top, left, height, width, [HEIGHT, WIDTH], InterpolationMode.BICUBIC)
    image = image.convert("RGB")
    if case["flip"] == "1":
        image = F.hflip(image)
    zoom = float(case["zoom"])
    if zoom:
        shift = [int(case["shift_x"]), int(case["shift_y"])]
        image = F.affine(image, float(case["degrees"]), shift, zoom, [0.0, 0.0],
                         InterpolationMode.BILINEAR, fill=[10, 200, 90])
    factors = [float(case[k]) for k in ("brightness", "contrast", "saturation", "hue")]
    for which in case["order"].strip("-"):
        image = JITTER[int(which)](image, factors[int(which)])
    if case["grey"] == "1":
        image = F.rgb_to_grayscale(image, 3)
    return np.asarray(image)


lines = [line.rstrip("\n").split("\t") for line in open("cases.tsv")]
cases = [dict(zip(lines[0], line)) for line in lines[1:]]
np.save("expected.npy", np.stack([run(case) for case in cases]))

# Colours of all kinds as one row, each turn of the hue a row of the result. The first ones turn by 0.5 to values that
# the last bit of a float decides.
colours = (np.arange(2048, dtype=np.uint64) * 8191 * 4099 % (1 << 24)).astype(np.uint32)
colours[:10] = [0x26C754, 0x26C755, 0x26C756, 0x26C757, 0x2DCE5B, 0x2DCE5C, 0x2DCE5D, 0x2DCE5E, 0x4CC726, 0x4DC726]
row = np.stack([colours >> 16, colours >> 8 & 255, colours & 255], -1).astype(np.uint8)[None]
turned = [np.asarray(F.adjust_hue(Image.fromarray(row), t))[0] for t in (0.5, -0.1, 0.0, 0.3)]
np.save("colours.npy", np.stack(turned))
