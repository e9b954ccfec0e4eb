"""Captions of a picture. Training draws one of the list each time, so what stands in it twice is said twice as often.

All draws are of a generator that is seeded with the picture's id: equal packages give equal captions."""
import random

from .colours import NAMES, PAINT, said_of
from .names import article, concept
from .words import may_be_said

MOST = 20


def _short(text):
    return 0 < len(text.split()) <= 8


class Said:
    """What may be said of a picture: nothing that names a concept that is held out."""

    def __init__(self, picture):
        self.name, self.noun = picture["name"], picture["noun"]
        others = [name for name in dict.fromkeys(picture["names"]) if name != self.name and _short(name)]
        same = concept(self.name) != self.name  # a skin tone: only the names that say it too
        self.others = [name for name in others if same or may_be_said(name)][:4]
        self.tags = [tag for tag in picture["tags"] if may_be_said(tag) and tag not in (self.name, self.noun)][:24]
        self.categories = [name for name in dict.fromkeys(picture["categories"]) if name and may_be_said(name)][:3]
        self.styles = list(dict.fromkeys(picture["styles"]))


def _plain(said, chance):
    name, noun = said.name, said.noun
    out = [name] * 3 + [f"{name} {noun}", f"{noun} of {name}", f"an image of {name}", article(name)]
    out.append(chance.choice((f"a picture of {article(name)}", f"{article(noun)} of {article(name)}")))
    for style in said.styles[:2]:
        out += [f"{name} {style}", f"{style} of {name}"]
        out.append(f"{article(style)} of {article(name)}")
    return out


def _more(said, chance):
    out = list(said.others)
    if said.others:
        out.append(f"{said.others[0]} {said.noun}")
    if said.tags:
        for _ in range(2 if len(said.tags) > 1 else 1):
            out.append(", ".join([said.name] + chance.sample(said.tags, min(2, len(said.tags)))))
    if len(said.tags) > 2:
        out.append(" ".join(chance.sample(said.tags, 3)))
    if said.categories:
        out.append(f"{said.name}, {chance.choice(said.categories)}")
    return out


def of_picture(picture, mark):
    chance, said = random.Random(picture["id"]), Said(picture)
    if picture["noun"] == "photo":
        return _of_photo(said)
    out = _plain(said, chance) + _more(said, chance)
    colours = said_of(mark.shares) if picture["pool"] != "one-colour" and concept(said.name) == said.name else None
    if colours and not set(said.name.split()) & set(NAMES):
        out += [f"{article(colours)} {said.name}", f"{colours} {said.name} {said.noun}"]
    return out[:MOST]


def _of_photo(said):
    name = said.name
    out = [name] * 2 + [article(name), f"a photo of {article(name)}", f"a photo of {article(name)}", f"a photo of {name}"]
    for tag in said.tags[:2]:
        out += [f"{name}, {tag}", f"a photo of {article(name)}, {tag}"]
    return out


def of_painted(picture, ink, ground):
    """For a one-colour icon in the colour `ink`, laid on `ground` (None: transparent)."""
    chance, said = random.Random(f"{picture['id']} {ink} {ground}"), Said(picture)
    style = chance.choice(said.styles or [said.noun])
    where = f" on {article(ground)} background" if ground else ""
    name = said.name
    out = [f"{article(ink)} {name} {style}{where}", f"{article(ink)} {name} {said.noun}{where}", f"{ink} {name}{where}",
           f"{article(ink)} {style} of {article(name)}{where}"]
    return out + [name, name, f"{style} of {name}", f"{name} {said.noun}", f"an image of {name}"] + said.others[:1]


def paints(picture, count):
    """`count` pairs of ink and ground that can be told apart."""
    chance = random.Random("paint " + picture["id"])
    for _ in range(count):
        ink = chance.choice(list(PAINT))
        pale = ink in ("white", "yellow")
        ground = chance.choice([name for name in PAINT if name != ink]) if pale or chance.random() < .7 else None
        yield ink, ground
