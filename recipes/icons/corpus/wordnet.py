"""Synonyms and kinds of things from WordNet (Debian: wordnet-base), where they are safe: for a word with a single meaning as a noun."""
import os

# WordNet's own headings of nouns that are things one can draw; others ("cognition", "act" ...) are left alone.
THINGS = {5: "animal", 6: "artifact", 8: "body", 13: "food", 17: "object", 18: "person", 20: "plant"}


class WordNet:
    def __init__(self, folder):
        self.common = set()       # words that are written in lower case
        self._senses = {}         # word -> offsets of its noun meanings
        self._meanings = {}       # offset -> (heading, words, hypernyms)
        self._read(os.path.join(folder, "data.noun"))
        for kind in ("verb", "adj", "adv"):
            path = os.path.join(folder, "index." + kind)
            if os.path.exists(path):
                with open(path, encoding="latin-1") as file:
                    self.common.update(line.split(" ", 1)[0].replace("_", " ") for line in file if line[0] != " ")

    def _read(self, path):
        if not os.path.exists(path):
            return
        with open(path, encoding="latin-1") as file:
            for line in file:
                if line[0] == " ":
                    continue
                parts = line.split(" | ")[0].split()
                count = int(parts[3], 16)
                words = [parts[4 + 2 * i].replace("_", " ") for i in range(count)]
                at = 4 + 2 * count
                above = [parts[at + 1 + 4 * i + 1] for i in range(int(parts[at])) if parts[at + 1 + 4 * i] == "@"]
                self._meanings[parts[0]] = (int(parts[1]), words, above)
                for word in words:
                    self._senses.setdefault(word.lower(), []).append(parts[0])
                    if word == word.lower():
                        self.common.add(word)

    def _only_meaning(self, name):
        senses = self._senses.get(name, ())
        meaning = self._meanings[senses[0]] if len(senses) == 1 else None
        return meaning if meaning and meaning[0] in THINGS else None

    def synonyms(self, name):
        meaning = self._only_meaning(name)
        return [word for word in meaning[1] if word != name and word == word.lower() and self._only_meaning(word)] if meaning else []

    def kinds(self, name):
        """What the thing is a kind of, one level up: "accordion" is a "keyboard instrument"."""
        meaning = self._only_meaning(name)
        found = []
        for offset in (meaning[2] if meaning else ()):
            word = self._meanings[offset][1][0]
            if word == word.lower() and self._meanings[offset][0] in THINGS:
                found.append(word)
        return found[:1]
