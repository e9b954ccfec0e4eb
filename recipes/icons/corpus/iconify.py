"""Icons and emoji of the npm package @iconify/json."""
import json
import os
import re

from . import iconify_sets as sets
from .licences import licence
from .names import plain

STYLE_TAIL = re.compile(r"-(%s|\d+px|1[0-9]|2[048]|28|32|36|48|96)$" % "|".join(sets.STYLE_WORDS))
STYLE_HEAD = re.compile(r"^(baseline|outline|round|sharp|twotone)-")
BRAND_NAME = re.compile(r"^(brand|logo|logos|social|lang|language|file-type|folder-type)-|-logo(-|$)|^logo$|-brand$")
BRAND_CATEGORY = re.compile(r"brand|logo|social|compan|payment", re.I)
ANIMATED = "Contains Animations"


def split(key, of_ic=False):
    """An icon's key as (what it shows, kinds of style, size): "home-outline-24" is ("home", ["line"], 24)."""
    kinds, size = [], 0
    if of_ic and (match := STYLE_HEAD.match(key)):
        kinds.append(sets.STYLE_WORDS[match[1]])
        key = key[match.end():]
    while match := STYLE_TAIL.search(key):
        if match[1][0].isdigit():
            size = size or int(match[1].rstrip("px"))
        else:
            kinds.append(sets.STYLE_WORDS[match[1]])
        key = key[:match.start()]
    return key, kinds, size


def kind_of(kinds):
    for kind in (sets.TWO_TONE, sets.SOLID, sets.LINE, sets.OTHER):
        if kind in kinds:
            return kind
    return "plain"


def choose(icons, of_ic):
    """Sets draw the same thing in many weights and sizes: of each thing two kinds are kept, those nearest to 24 pixels."""
    found = {}
    for key in icons:
        name, kinds, size = split(key, of_ic)
        rank = (sets.OTHER in kinds, abs((size or 24) - 24), len(key), key)
        of_name = found.setdefault(name, {})
        kind = kind_of(kinds)
        if kind not in of_name or rank < of_name[kind][0]:
            of_name[kind] = (rank, key)
    order = ("plain", sets.LINE, sets.SOLID, sets.TWO_TONE, sets.OTHER)
    for name, of_name in found.items():
        for kind in [kind for kind in order if kind in of_name][:2]:
            yield of_name[kind][1], name


def svg_of(icon, book):
    width, height = icon.get("width") or book.get("width") or 16, icon.get("height") or book.get("height") or 16
    left, top = icon.get("left") or 0, icon.get("top") or 0
    return (f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="{width}" height="{height}"'
            f' viewBox="{left} {top} {width} {height}" color="#000">{icon["body"]}</svg>').encode()


class Iconify:
    def __init__(self, packages, report):
        self.folder = os.path.join(packages, "node_modules/@iconify/json")
        with open(f"{self.folder}/collections.json", encoding="utf-8") as file:
            self.collections = json.load(file)
        self.report = report

    def book(self, name):
        with open(f"{self.folder}/json/{name}.json", encoding="utf-8") as file:
            return json.load(file)

    def why_not(self, name, info):
        """Why a set is not trained on, or None."""
        if name in sets.EVALUATION or info["author"]["name"] in sets.KIN_AUTHORS:
            return "evaluation set or its kin"
        if name in sets.KIN:
            return "kin of an evaluation set: " + sets.KIN[name]
        said = info["license"].get("spdx") or info["license"].get("title")
        if not licence(said):
            return "licence: " + str(said)
        titled = any(word in info["name"].lower() for word in sets.BRAND_TITLES)
        if info.get("category") in sets.BRAND_CATEGORIES or titled or name in sets.BRANDS_ALONE:
            return "brand logos"
        if name in sets.OLDER:
            return "older edition of another set"
        if ANIMATED in info.get("tags", []) and name != "meteocons":
            return "animated"
        return None

    def brand_names(self):
        """What brands call their logos, each with the sets that have it."""
        names = {}
        for name in sets.BRAND_SETS:
            if name in self.collections:
                for key in self.book(name)["icons"]:
                    names.setdefault(split(key)[0], set()).add(name)
        return names

    def sources(self):
        for name in sorted(self.collections):
            info = self.collections[name]
            reason = self.why_not(name, info)
            if reason:
                self.report.left_out(name, info["name"], info["license"].get("spdx"), reason)
                continue
            yield name, info

    def pictures(self, words, brands):
        for name, info in self.sources():
            book, said = self.book(name), licence(info["license"].get("spdx") or info["license"].get("title"))
            self.report.source(name, info["name"], said, info["author"]["name"], info["license"].get("url") or info["author"].get("url", ""))
            if name in sets.EMOJI or name in sets.ONE_COLOUR_EMOJI:
                yield from self.emoji(name, book, said, words)
            elif name in sets.FLAGS:
                yield from self.flags(name, book, said, words)
            else:
                yield from self.icons(name, info, book, said, words, brands)

    def emoji(self, name, book, said, words):
        codes, aliases = {}, {}
        for code, key in book.get("chars", {}).items():
            codes.setdefault(key, code)
        for alias, of in sorted(book.get("aliases", {}).items()):
            if set(of) == {"parent"}:
                aliases.setdefault(of["parent"], []).append(plain(alias))
        pool = "emoji" if name in sets.EMOJI else "one-colour"
        for key, icon in book["icons"].items():
            if icon.get("hidden"):
                continue
            entry = words.emoji(codes.get(key), key, aliases.get(key, []))
            yield dict(id=f"{name}/{key}", source=name, pool=pool, licence=said, name=plain(key), frame=("S", svg_of(icon, book)),
                       names=entry.names + aliases.get(key, []), tags=entry.tags, categories=entry.categories,
                       styles=(sets.EMOJI.get(name) or sets.ONE_COLOUR_EMOJI[name]), noun="emoji")

    def flags(self, name, book, said, words):
        for key, icon in book["icons"].items():
            code = key[:-4] if key.endswith(("-1x1", "-4x3")) else key
            entry = words.flag(code)
            if icon.get("hidden") or not entry or key.endswith("-1x1"):
                continue
            yield dict(id=f"{name}/{key}", source=name, pool="colour", licence=said, name=entry.names[0], names=entry.names[1:],
                       frame=("S", svg_of(icon, book)), tags=entry.tags, categories=entry.categories, styles=sets.FLAGS[name], noun="icon")

    def icons(self, name, info, book, said, words, brands):
        categories = {}
        for category, keys in book.get("categories", {}).items():
            for key in keys:
                categories.setdefault(key, []).append(category)
        visible = {key: icon for key, icon in book["icons"].items() if not icon.get("hidden")}
        for key, shown in choose(visible, name == "ic"):
            of_icon = categories.get(key, [])
            if BRAND_NAME.search(key) or any(BRAND_CATEGORY.search(category) for category in of_icon) or brands.certain(shown):
                self.report.passed_over("brand", name)
                continue
            entry = words.icon(plain(shown))
            yield dict(id=f"{name}/{key}", source=name, pool="colour" if info.get("palette") else "one-colour", licence=said,
                       name=plain(shown), names=entry.names, tags=entry.tags, frame=("S", svg_of(visible[key], book)),
                       categories=[plain(category) for category in of_icon] + entry.categories, styles=sets.STYLES.get(name, ()),
                       noun="icon", doubtful=brands.doubtful(shown))
