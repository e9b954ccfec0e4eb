"""Evaluation sets of several kinds of pictures, from what is never trained on: held-out concepts, and OpenMoji's faces.

OUT/suite.tsv lists them for `cclip evaluate --suite`; each is a folder in CLIP_benchmark's layout. A held-out picture that looks like one that
is trained on (the same drawing under another name) is left out. Which pictures are taken of more than MOST follows from their names alone."""
import hashlib
import os
import shutil

from . import looks
from .drawing import Pictures
from .iconify import svg_of
from .names import concept, plain
from .shards import END, member

MOST = 1000        # pictures of a set
SPARE = 1.4        # as many are drawn of each, some will fall away

NAME, EMOJI, OBJECT, STYLE, FACE = (("{c}", "an image of {c}", *more) for more in (
    ("icon of {c}", "{c} icon"), ("emoji of {c}", "{c} emoji"), ("a {c}", "a picture of a {c}"), ("a {c}", "an image of a {c}"),
    ("a {c} face", "{c} face emoji", "an emoji of a {c} face")))

# The Unicode names of faces, by the emotion that they are meant to show.
EMOTIONS = {
    "happy": "grinning face, grinning face with big eyes, grinning face with smiling eyes, beaming face with smiling eyes, grinning squinting "
             "face, rolling on the floor laughing, face with tears of joy, slightly smiling face, smiling face with smiling eyes, smiling face",
    "sad": "crying face, loudly crying face, disappointed face, pensive face, slightly frowning face, frowning face, sad but relieved face",
    "angry": "angry face, enraged face, pouting face, face with steam from nose, face with symbols on mouth, angry face with horns, pout, triumph",
    "surprised": "face with open mouth, hushed face, astonished face, flushed face, exploding head",
    "afraid": "fearful face, anxious face with sweat, face screaming in fear, anguished face, fearful, worried face, worried",
    "disgusted": "nauseated face, face vomiting",
    "in love": "smiling face with heart eyes, smiling face with hearts, face blowing a kiss, kissing face, kissing face with closed eyes, "
               "kissing face with smiling eyes",
    "sleepy": "sleeping face, sleepy face, yawning face, tired face, sleepy",
}
EMOTION_OF = {name: emotion for emotion, names in EMOTIONS.items() for name in names.split(", ")}
STYLE_OF = {"Twitter emoji": "flat emoji", "flat emoji": "flat emoji", "3D emoji": "3D emoji", "two-tone icon": "two-tone icon",
            "hand-drawn icon": "hand-drawn icon", "pixel icon": "pixel icon", "clip art": "clip art"}
SIGNS = {"symbols", "arrow", "math", "zodiac", "geometric", "transport sign", "warning"}


def name_in(pool):
    return lambda picture: picture["name"] if picture["pool"] == pool else None


def icon_name(picture):
    return picture["name"] if picture["pool"] == "one-colour" and picture["noun"] == "icon" else None


def sign(picture):
    return picture["name"] if picture["noun"] == "emoji" and SIGNS & set(picture["categories"]) else None


def emotion(picture):
    return EMOTION_OF.get(picture["name"]) if picture["noun"] == "emoji" else None


def style(picture):
    """What the source says, and of one-colour icons that it says nothing of, how wide their lines are."""
    said = [STYLE_OF[word] for word in picture["styles"] if word in STYLE_OF]
    return said[0] if said else picture["shards"] + " icon" if picture["shards"] in ("line", "solid") else None


# name, kind, class of a picture or None, templates, most pictures of a class
SETS = (
    ("emoji", "emoji", name_in("emoji"), EMOJI, 4),
    ("icons", "icons", icon_name, NAME, 2),
    ("clip-art", "clip art", name_in("clip-art"), OBJECT, 4),
    ("furniture", "goods", name_in("furniture"), OBJECT, 4),
    ("signs", "abstract signs", sign, NAME, 4),
    ("style", "style", style, STYLE, 100),
    ("emotion", "facial emotion", emotion, FACE, 20),
)


def order(picture):
    return hashlib.md5(picture["id"].encode()).digest()


def faces(iconify):
    """OpenMoji's faces, from the package; for evaluation alone, like the set in starter/eval."""
    if "openmoji" not in iconify.collections:
        return
    book = iconify.book("openmoji")
    for key, icon in book["icons"].items():
        if plain(key) in EMOTION_OF:
            yield dict(id=f"openmoji/{key}", source="openmoji", pool="emotion", name=plain(key), noun="emoji", categories=[], styles=(),
                       frame=("S", svg_of(icon, book)))


class Suite:
    def __init__(self, folder, programs):
        self.folder = folder
        self.pictures = Pictures(os.path.join(folder, "work/suite"), programs)
        self.found, self.known = [], []

    def offer(self, picture):
        """A picture that is held out."""
        if concept(picture["name"]) == picture["name"]:
            self.found.append(picture)

    def draw(self, processes):
        """Draws what the sets may need. A style may be chosen by how a picture looks, so of any picture one in three is drawn."""
        self.found.sort(key=order)
        wanted, counts = [], {}
        for at, picture in enumerate(self.found):
            in_sets = [(name, of(dict(picture, shards="")), most) for name, _, of, _, most in SETS]
            wants = [(name, label) for name, label, most in in_sets if label and counts.get((name, label), 0) < most * SPARE + 1]
            for key in wants:
                counts[key] = counts.get(key, 0) + 1
            if wants or at % 3 == 0:
                wanted.append(picture)
        for picture in wanted:
            self.pictures.add(*picture.pop("frame"))
        self.known = wanted
        self.pictures.draw(processes)

    def write(self, trained, processes):
        """Writes the sets; `trained` are the pictures that nothing in them may look like."""
        twins = self.pictures.twins_of(trained, looks.TWIN, processes)
        seen = []
        for number, (picture, mark) in enumerate(zip(self.known, self.pictures.marks())):
            if mark.drawn and mark.ink >= looks.FAINT and number not in twins:
                if picture["pool"] != "emotion":
                    looks.settle(picture, mark)
                seen.append((number, dict(picture, shards=picture.get("shards", ""))))
        shutil.rmtree(os.path.join(self.folder, "suite"), ignore_errors=True)
        rows = [(name, kind, self.write_set(name, of, templates, most, seen)) for name, kind, of, templates, most in SETS]
        with open(os.path.join(self.folder, "suite.tsv"), "w", encoding="utf-8") as file:
            file.write("name\tkind\tpath\n" + "".join(f"{name}\t{kind}\tsuite/{name}\n" for name, kind, count in rows if count))
        return {name: count for name, _, count in rows if count}

    def write_set(self, name, of, templates, most, seen):
        classes = {}
        for number, picture in seen:
            label = of(picture)
            if label:
                classes.setdefault(label, []).append(number)
        chosen, count = {}, 0
        for label in sorted(classes, key=lambda label: hashlib.md5(label.encode()).digest()):
            numbers = classes[label][:most]
            if count + len(numbers) <= MOST:
                chosen[label] = numbers
                count += len(numbers)
        if len(chosen) < 2:
            return 0
        labels = sorted(chosen)
        folder = os.path.join(self.folder, "suite", name)
        os.makedirs(os.path.join(folder, "test"))
        for file_name, lines in (("classnames.txt", labels), ("zeroshot_classification_templates.txt", templates),
                                 ("dataset_type.txt", ["classification"]), ("test/nshards.txt", ["1"])):
            with open(os.path.join(folder, file_name), "w", encoding="utf-8") as file:
                file.write("".join(line + "\n" for line in lines))
        jobs = [(number, at) for at, label in enumerate(labels) for number in chosen[label]]
        with open(os.path.join(folder, "test/0.tar"), "wb") as file:
            pngs = self.pictures.painter().png_of_all((number, None, None) for number, _ in jobs)
            for stem, (png, (_, at)) in enumerate(zip(pngs, jobs)):
                file.write(member(f"{stem:06}.png", png) + member(f"{stem:06}.cls", str(at).encode()))
            file.write(END)
        return count
