"""Which icons show a brand's logo. Icon sets mix them in: a name that only a brand has is certain; a name that is also a word of
English ("apple", "target") is doubtful, and the picture decides (looks.py)."""
from .names import plain, squeeze


class Brands:
    def __init__(self, names, wordnet):
        """`names`: key -> brand sets that have it."""
        self.wordnet = wordnet
        self.sets = {}
        for key, of in names.items():
            self.sets.setdefault(squeeze(key), set()).update(of)

    def _is_word(self, name):
        return name in self.wordnet.common or name.replace(" ", "") in self.wordnet.common

    def certain(self, key):
        name = plain(key)
        if squeeze(name) in self.sets and not self._is_word(name) and len(squeeze(name)) > 2 and not all(
                self._is_word(word) for word in name.split()):
            return True
        first = name.split()[0] if name else ""
        return len(first) > 3 and len(self.sets.get(first, ())) > 1 and not self._is_word(first)

    def doubtful(self, key):
        return squeeze(key) in self.sets
