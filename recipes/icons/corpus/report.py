"""What went into the corpus and what did not, and why: manifest.json, and DATA-NOTICES from the packages' own metadata."""
import collections
import json
import os

NOTICES_HEAD = """The pictures, names and keywords that the corpus of recipes/icons is made of, with licence and author as the packages
say them ({packages}).
Made by recipes/icons/corpus.sh; a source that is not listed was not used.
"""


class Report:
    def __init__(self, out=print):
        self._out = out
        self.sources, self.not_used, self.notes = {}, {}, []
        self.counts = collections.defaultdict(collections.Counter)

    def note(self, text):
        self.notes.append(text)
        self._out(text)

    def source(self, name, title, licence, author, url):
        self.sources[name] = dict(title=title, licence=licence, author=author, url=url)

    def words(self, name, title, licence, author, url):
        """A source of words alone."""
        self.sources[name] = dict(title=title, licence=licence, author=author, url=url, words=True)

    def left_out(self, name, title, licence, reason):
        self.not_used[name] = dict(title=title, licence=licence, reason=reason)

    def count(self, what, source, number=1):
        """Every picture is counted twice: as "seen", and as what became of it: "kept", or why it was lost."""
        self.counts[source][what] += number

    def passed_over(self, why, source):
        """A picture that its source does not hand on."""
        self.count("seen", source)
        self.count(why, source)

    def totals(self):
        totals = collections.Counter()
        for counter in self.counts.values():
            totals.update(counter)
        return dict(sorted(totals.items()))

    def write(self, folder, packages, pools, limits):
        by_licence = collections.Counter()
        for name, about in self.sources.items():
            by_licence[about["licence"]] += self.counts[name]["kept"]
        manifest = dict(packages=packages, limits=limits, totals=self.totals(), licences=dict(sorted(by_licence.items())), pools=pools,
                        sources={name: dict(about, **dict(sorted(self.counts[name].items()))) for name, about in sorted(self.sources.items())},
                        left_out=dict(sorted(self.not_used.items())), notes=self.notes)
        with open(os.path.join(folder, "manifest.json"), "w", encoding="utf-8") as file:
            json.dump(manifest, file, indent=1, ensure_ascii=False)
            file.write("\n")
        self._write_notices(folder, packages)

    def _write_notices(self, folder, packages):
        said = ", ".join(f"{name} {version}" for name, version in sorted(packages.items()))
        lines = [NOTICES_HEAD.format(packages=said)]
        for name, about in sorted(self.sources.items()):
            if self.counts[name]["kept"] or about.get("words"):
                who = f", {about['author']}" if about["author"] else ""
                lines.append(f"{about['title']} ({name}){who}: {about['licence']}. {about['url']}".rstrip(". ") + "\n")
        with open(os.path.join(folder, "DATA-NOTICES"), "w", encoding="utf-8") as file:
            file.write("\n".join(line.rstrip("\n") for line in lines) + "\n")
