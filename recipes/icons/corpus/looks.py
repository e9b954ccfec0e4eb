"""What is decided by how pictures look: which are none, seen before, an evaluation picture's twin or a brand's logo; which pool an
icon belongs to and what its style is called."""
import os

from .drawing import Pictures
from .iconify import split, svg_of
from .iconify_sets import BRAND_SETS
from .names import concept, squeeze

# Thousandths (pictures/twins.c): nearer to an evaluation picture is a near-duplicate. Photographs on the same floor are alike in
# most of their area; theirs was chosen lower, by looking at pairs.
TWIN, TWIN_PHOTO = 40, 10
LOGO = 300      # nearer to a logo of the same name is that logo
FAINT = 4       # thousandths of the picture that must be covered
LINE_STROKE, LINE_INK = 75, 380  # lines are at most 7.5 pixels wide and cover at most 38 %


def draw_logos(iconify, folder, options, known):
    """Brands' logos under the doubtful names: name -> rasters."""
    wanted = {squeeze(picture["name"]) for picture in known if picture.get("doubtful")}
    logos, names = Pictures(folder, options.programs), []
    for name in BRAND_SETS:
        if name in iconify.collections:
            book = iconify.book(name)
            for key, icon in book["icons"].items():
                called = squeeze(split(key)[0])
                if called in wanted:
                    logos.add("S", svg_of(icon, book))
                    names.append(called)
    logos.draw(options.processes)
    found = {}
    for name, mark in zip(names, logos.marks()):
        found.setdefault(name, []).append(mark.raster)
    return found


def distance(a, b):
    """As pictures/twins.c has it; colours are left out, a logo is one in any."""
    a, b = ([max(raster[i:i + 3]) for i in range(0, len(raster), 3)] for raster in (a, b))
    energy = sum(x * x for x in a) + sum(x * x for x in b)
    return 1000 * sum((x - y) ** 2 for x, y in zip(a, b)) // energy if energy else 1000


def is_logo(picture, mark, logos):
    return bool(picture.get("doubtful")) and any(distance(mark.raster, raster) <= LOGO for raster in logos.get(squeeze(picture["name"]), ()))


def settle(picture, mark):
    """The pool whose shards the picture goes to, and the style that can be seen."""
    picture["shards"] = picture["pool"]
    if concept(picture["name"]) != picture["name"]:
        picture["shards"] += "-skin"
    if picture["pool"] == "one-colour":
        is_line = mark.stroke <= LINE_STROKE and mark.ink <= LINE_INK
        picture["shards"] = "line" if is_line else "solid"
        if picture["noun"] == "icon":
            picture["styles"] = ("line icon" if is_line else "solid icon", *picture["styles"])
    elif not picture["styles"]:
        picture["styles"] = ("colour icon",)


def choose(known, pictures, twins, others, logos, report, twins_path):
    chosen, seen = [], set()
    with open(twins_path, "w", encoding="utf-8") as file:
        for number, (picture, mark) in enumerate(zip(known, pictures.marks())):
            why = None
            if not mark.drawn or mark.ink < FAINT:
                why = "nothing to see"
            elif mark.hash in seen:
                why = "seen before"
            elif number in twins and (picture["noun"] != "photo" or twins[number][1] <= TWIN_PHOTO):
                why = "near-duplicate of an evaluation picture"
                file.write(f"{picture['id']}\t{others[twins[number][0]]}\t{twins[number][1]}\n")
            elif is_logo(picture, mark, logos):
                why = "brand"
            seen.add(mark.hash)
            report.count(why or "kept", picture["source"])
            if not why:
                settle(picture, mark)
                chosen.append((number, picture, mark))
    return chosen
