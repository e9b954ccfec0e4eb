"""Other names, keywords and categories of a thing: emojibase-data, emojilib and @tabler/icons from npm, WordNet from Debian."""
import collections
import json
import os
import re

from .names import concept, is_held, plain, squeeze

Entry = collections.namedtuple("Entry", "names tags categories")
NOTHING = Entry([], [], [])
SHORTCODES = ("cldr", "emojibase", "github", "iamcal", "joypixels")


def _load(path):
    if not os.path.exists(path):
        return None
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def _code(hexcode):
    """Code points without the sign that asks for a coloured picture: sets write it or not."""
    return "-".join(part for part in hexcode.upper().split("-") if part != "FE0F").lstrip("0")


class Words:
    def __init__(self, packages, wordnet):
        self.wordnet = wordnet
        self.by_code, self.by_name, self.by_flag = {}, {}, {}
        modules = os.path.join(packages, "node_modules")
        self._read_emoji(os.path.join(modules, "emojibase-data"), _load(f"{modules}/emojilib/dist/emoji-en-US.json") or {})
        self.tabler = _load(f"{modules}/@tabler/icons/icons.json") or {}

    def _read_emoji(self, folder, keywords):
        shortcodes = [_load(f"{folder}/en/shortcodes/{name}.json") or {} for name in SHORTCODES]
        groups = _load(f"{folder}/meta/groups.json") or {"groups": {}, "subgroups": {}}
        for emoji in _load(f"{folder}/en/data.json") or []:
            known = [plain(word.replace("_", " ")) for word in keywords.get(emoji["emoji"], [])]
            names = [self._label(emoji["label"])] + known[:1]
            for table in shortcodes:
                said = table.get(emoji["hexcode"], [])
                names += [plain(name.replace("_", " ")) for name in ([said] if isinstance(said, str) else said)]
            names = [name for name in dict.fromkeys(names) if re.search(r"[a-z]{3}", name)]
            categories = [plain(groups[key].get(str(emoji.get(key[:-1], "")), "")) for key in ("subgroups", "groups")]
            tags = [plain(tag) for tag in emoji.get("tags", [])] + known[1:]
            entry = Entry(names, list(dict.fromkeys(tag for tag in tags if tag and tag not in names)), [c for c in categories if c])
            self.by_code[_code(emoji["hexcode"])] = entry
            for name in names:
                self.by_name.setdefault(squeeze(name), entry)
            for skin in emoji.get("skins", []):
                label = self._label(skin["label"])
                self.by_code[_code(skin["hexcode"])] = self.by_name[squeeze(label)] = Entry([label], entry.tags, entry.categories)
            letters = re.fullmatch(r"(1F1[EF][0-9A-F])-(1F1[EF][0-9A-F])", emoji["hexcode"])
            if letters:
                self.by_flag["".join(chr(int(letter, 16) - 0x1F1E6 + 97) for letter in letters.groups())] = entry

    @staticmethod
    def _label(label):
        """The Unicode name as sets write it: "flag: France" is "flag france"."""
        return plain(label)

    def emoji(self, code, key, aliases):
        if code and _code(code) in self.by_code:
            return self.by_code[_code(code)]
        for name in [key] + aliases:
            for form in (squeeze(name), squeeze("flag " + name.replace("flag-for-", "").replace("flag for ", ""))):
                if form in self.by_name:
                    return self.by_name[form]
        return NOTHING

    def flag(self, code):
        return self.by_flag.get(code)

    def icon(self, name):
        """Keywords of an icon by its name alone."""
        tabler = self.tabler.get(name.replace(" ", "-"))
        tags = [plain(str(tag)) for tag in tabler["tags"]] if tabler else []
        categories = [plain(tabler["category"])] if tabler and tabler.get("category") else []
        emoji = self.by_name.get(squeeze(name))
        if emoji:
            tags += emoji.tags
            categories += emoji.categories
        tags = [tag for tag in dict.fromkeys(tags) if tag and tag != name]
        return Entry(self.wordnet.synonyms(name), tags, categories + self.wordnet.kinds(name))


def may_be_said(phrase):
    """Another name for something must not be the name of a concept that is held out."""
    return not is_held(phrase) and concept(phrase) == phrase
