"""Clip art of the Debian package openclipart-svg. Each drawing says its licence, title and keywords itself."""
import os
import re
import xml.etree.ElementTree as ElementTree

from .licences import licence
from .names import plain

NAME = "openclipart"
RDF, DC = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}", "{http://purl.org/dc/elements/1.1/}"
# Folders of user interfaces' parts, and of what is a trademark.
PASSED_OVER = re.compile(r"/(buttons|logos?|distributions?|shapes/stars|icons/[^/]+-theme|unsorted/logo)/|logo|trademark", re.I)
MEANINGLESS = re.compile(r"\b(clip ?art|svg|png|unsorted|contour|colour|color|externalsource|image|media|public domain|[0-9]+|[a-z])\b")


def _text(work, tag):
    found = work.find(DC + tag)
    return (found.text or "").strip() if found is not None else ""


def read(path):
    """(licence, title, keywords) as the drawing's metadata says, or None."""
    try:
        tree = ElementTree.parse(path)
    except (ElementTree.ParseError, ValueError, LookupError):
        return None
    for work in tree.iter():
        if work.tag.endswith("}Work"):
            said = next((node.get(RDF + "resource") for node in work if node.tag.endswith("}license")), None)
            words = [plain(item.text or "") for item in work.iter(RDF + "li")]
            return said, plain(_text(work, "title")), [word for word in words if word]
    return None


def name_of(title, path):
    """The title without what is no word of a name: authors, counters."""
    name = title
    if not name or len(name) > 40:
        stem = os.path.basename(path).rpartition(".")[0]
        name = plain(re.sub(r"_[a-z]+_(?:[a-z]\.?)?_?\d*$|_?\d+$", "", stem.lower()).replace("_", " "))
    name = re.sub(r"\b[0-9]+\b", " ", MEANINGLESS.sub(" ", name))
    return " ".join(name.split()[:5])


def pictures(folder, words, report):
    root = os.path.join(folder, "usr/share/openclipart/svg")
    if not os.path.exists(root):
        return report.note(f"{root} is not there")
    report.source(NAME, "Open Clip Art Library", "Public-Domain", "its contributors", "https://openclipart.org")
    for path in sorted(os.path.join(at, name) for at, _, names in os.walk(root) for name in names if name.endswith(".svg")):
        about = read(path)
        if PASSED_OVER.search(path[len(root):]):
            report.passed_over("brand or part of a user interface", NAME)
        elif not about or not licence(about[0]):
            report.passed_over("no free licence in its metadata", NAME)
        elif not name_of(about[1], path):
            report.passed_over("no name", NAME)
        else:
            with open(path, "rb") as file:
                frame = ("S", file.read())
            name = name_of(about[1], path)
            tags = [tag for tag in dict.fromkeys(about[2]) if not MEANINGLESS.search(tag) and tag != name and len(tag.split()) < 4]
            yield dict(id=f"{NAME}{path[len(root):]}", source=NAME, pool="clip-art", licence=licence(about[0]), name=name,
                       names=words.wordnet.synonyms(name), tags=tags, categories=words.wordnet.kinds(name), styles=("clip art",
                       "cartoon"), noun="drawing", frame=frame)
