"""What users of clip.cpp report, each measured on clip.cpp, on cclip and on the reference: the rows of clip_cpp.py's table.

A row function takes a Bench and yields Rows. Nothing is asserted about clip.cpp: what it does is run and told.
"""

import collections
import dataclasses
import json
import os
import tarfile

import numpy as np

import clip_cpp_library as clip_cpp
import gguf_by_formula as gguf
import numpy_clip

START, END = numpy_clip.START, numpy_clip.END
LABELS = ["a dog", "a cat", "a red flower", "a city at night", "a black and white drawing"]


@dataclasses.dataclass
class Row:
    ask: str
    what: str
    clip_cpp: str
    cclip: str
    reference: str
    fails: bool                     # clip.cpp shows the failure
    right: bool                     # cclip gives the reference's result

    @property
    def verdict(self):
        return ("clip.cpp fails" if self.fails else "clip.cpp right") + ", " + ("cclip right" if self.right else "cclip FAILS")


class Bench:
    """The models (written when they are first asked for), the inputs and the reference."""

    MODELS = {model.name: model for model in (
        gguf.Model("ViT-B-32", gguf.Tower(768, 12, 12), gguf.Tower(512, 12, 8), 32, 512, type=gguf.F32),
        gguf.Model("ViT-B-16", gguf.Tower(768, 12, 12), gguf.Tower(512, 12, 8), 16, 512),
        gguf.Model("ViT-L-14", gguf.Tower(1024, 24, 16), gguf.Tower(768, 12, 12), 14, 768),
        gguf.Model("ViT-H-14", gguf.Tower(1280, 32, 16), gguf.Tower(1024, 24, 16), 14, 1024),
        gguf.Model("H-14-4-layers", gguf.Tower(1280, 4, 16), gguf.Tower(1024, 3, 16), 14, 1024))}

    def __init__(self, cclip, library, golden, starter, vocabulary, merges, folder):
        self.cclip, self.library, self.golden, self.starter, self.folder = cclip, library, golden, starter, folder
        self.tokens = list(vocabulary)
        self.tokenizer = numpy_clip.Tokenizer(vocabulary, merges)
        self.kept = {}

    def keep(self, key, make):
        if key not in self.kept:
            self.kept[key] = make()
        return self.kept[key]

    def file(self, name, **changes):
        """Path of the model as GGUF."""
        path = os.path.join(self.folder, "-".join([name, *changes.get("scale_of", {})]) + ".gguf")
        if not os.path.exists(path):
            gguf.write(path, self.MODELS[name], self.tokens, **changes)
        return path

    def state(self, name):
        """The weights as the file holds them. Large models are made tensor by tensor, each time anew."""
        model = self.MODELS[name]
        return self.keep(("state", name), lambda: gguf.State(model, len(self.tokens), cached=model.vision.layers <= 12))

    def pixels(self, count):
        """`count` pictures by formula: the array and its file."""
        pixels = gguf.formula.image("input.image", (count, 3, 224, 224))
        path = os.path.join(self.folder, f"pixels-{count}.npy")
        np.save(path, pixels)
        return pixels, path

    def images(self, name, pixels):
        return numpy_clip.normalise(numpy_clip.images(self.MODELS[name], self.state(name), pixels))

    def texts(self, name, ids):
        return numpy_clip.normalise(np.stack([numpy_clip.text(self.MODELS[name], self.state(name), row) for row in ids]))

    def cclip_tokens(self, path, ids):
        rows = np.zeros((len(ids), 77), np.int32)
        for row, one in zip(rows, ids):
            row[:len(one)] = one
        given = os.path.join(self.folder, "tokens.npy")
        np.save(given, rows)
        return self.cclip.embed_tokens(path, given)

    def lines(self):
        """Lines of the golden texts that can be a C string: all but one or two."""
        with open(os.path.join(self.golden, "tokenizer", "dev.jsonl"), encoding="ascii") as text:
            lines = [json.loads(line) for line in text]
        return [line for line in lines if not line.get("has_nul") and not any(0xD800 <= ord(c) < 0xE000 for c in line["text"])]

    def one(self, pixels, i):
        path = os.path.join(self.folder, "one.npy")
        np.save(path, pixels[i:i + 1])
        return path

    def pictures(self):
        """Name -> (path, the reference's 224 x 224 picture) of every golden picture."""
        from PIL import Image
        folder = os.path.join(self.golden, "preprocess")
        with open(os.path.join(folder, "manifest.json"), encoding="utf-8") as text:
            images = json.load(text)["images"]

        def expected(one):
            with Image.open(os.path.join(folder, one["expected"])) as picture:
                return np.asarray(picture.convert("RGB"))
        return {name: (os.path.join(folder, one["file"]), expected(one)) for name, one in images.items()}


def largest(a, b):
    return float(np.abs(np.asarray(a, np.float64) - b).max())


def difference(ended, want):
    return f"off by {largest(ended.out, want):.1e}" if ended.ok else ended.how


def softmax(x):
    return numpy_clip.softmax(np.asarray(x, np.float64))


def normalised(u8):
    return numpy_clip.normalise_pixels(u8, gguf.MEAN, gguf.STD)


# --------------------------------------------------------------------------------------------------- 1: probabilities

def ask_1(b):
    path = b.file("ViT-B-32")
    pictures = [item for item in b.pictures().items() if not item[0].startswith("webp")]
    files = [where for _, (where, _) in pictures]
    texts = b.texts("ViT-B-32", [b.tokenizer(label) for label in LABELS])
    want = softmax(100 * b.images("ViT-B-32", np.stack([normalised(u8) for _, (_, u8) in pictures])) @ texts.T)
    theirs = clip_cpp.run("zero_shot", model=path, dim=512, pictures=files, labels=LABELS)
    ours = np.array([[scores[label] for label in LABELS] for scores in
                     (b.cclip.classify(path, where, LABELS) for where in files)])
    named = [p.argmax(1) for p in (want, ours, theirs.out)] if theirs.ok else None

    def told(p, i):
        return f"best label {p.max(1).mean():.3f} on average, {int((named[i] == named[0]).sum())} of {len(p)} named alike"
    yield Row("1", f"probabilities of {len(LABELS)} labels, {len(files)} pictures", told(theirs.out, 2) if theirs.ok else theirs.how,
              told(ours, 1) + f", off by {largest(ours, want):.1e}", told(want, 0),
              not theirs.ok or largest(theirs.out, want) > 1e-3, largest(ours, want) <= 1e-3)
    equal = [label for label in LABELS if clip_cpp.run("tokenize", model=path, dim=512, texts=[label]).result["ids"][0] == b.tokenizer(label)]
    own = clip_cpp.run("zero_shot_parts", model=path, dim=512, pictures=files[:8], labels=equal)
    if own.ok:
        images, texts = own.arrays["images"].astype(np.float64), own.arrays["texts"].astype(np.float64)
        right = softmax(100 * numpy_clip.normalise(images) @ numpy_clip.normalise(texts).T)
        raised = np.exp(images @ texts.T) + 1e-9
        off = largest(own.out, raised / raised.sum(1, keepdims=True))
        yield Row("1", f"what its {len(equal)} probabilities are of its own vectors (labels whose ids are right)",
                  f"exp(inner product, vectors at their own length) + 1e-9, shared out: within {off:.0e}",
                  "softmax(100 x cosine)", f"softmax(100 x cosine): clip.cpp is off by {largest(own.out, right):.2f}",
                  largest(own.out, right) > 1e-3, largest(ours, want) <= 1e-3)


# --------------------------------------------------------------------------------------------------- 2: agreement

def evaluation_set(b, count=300):
    """Paths of `count` photographs of the starter's evaluation sets, and the labels of those sets."""
    sets = [os.path.join(b.starter, "eval", name) for name in ("clothing", "grocery")]
    labels = [line.strip() for one in sets for line in open(os.path.join(one, "classnames.txt"), encoding="utf-8") if line.strip()]
    folder = os.path.join(b.folder, "photographs")
    os.makedirs(folder, exist_ok=True)
    every = []
    for one in sets:
        with tarfile.open(os.path.join(one, "test", "0.tar")) as tar:
            for member in tar:
                if member.name.endswith(".jpg"):
                    every.append(os.path.join(folder, os.path.basename(one) + "-" + member.name))
                    with open(every[-1], "wb") as out:
                        out.write(tar.extractfile(member).read())
    return [every[i * len(every) // count] for i in range(count)], labels


def ask_2(b):
    files, labels = evaluation_set(b)
    labels = ["a photo of a " + label for label in labels]
    path, ids = b.file("ViT-B-32"), [b.tokenizer(label) for label in labels]
    pixels = np.stack([numpy_clip.preprocess(where, 224, gguf.MEAN, gguf.STD) for where in files])
    np.save(os.path.join(b.folder, "photographs.npy"), pixels)
    want = (b.images("ViT-B-32", pixels) @ b.texts("ViT-B-32", ids).T).argmax(1)
    given = [os.path.join(b.folder, name) for name in ("photographs.txt", "labels.txt")]
    for name, lines in zip(given, (files, labels)):
        with open(name, "w", encoding="utf-8") as out:
            out.write("".join(line + "\n" for line in lines))
    ours = (b.cclip.embed_images(path, given[0]) @ b.cclip.embed_texts(path, given[1]).T).argmax(1)
    own_ids = clip_cpp.run("tokenize", model=path, dim=512, texts=labels).result["ids"]
    texts = {"own": clip_cpp.run("texts", model=path, dim=512, ids=own_ids), "same": clip_cpp.run("texts", model=path, dim=512, ids=ids)}
    images = {"own": clip_cpp.run("files", model=path, dim=512, pictures=files),
              "same": clip_cpp.run("pixels", model=path, dim=512, pixels=os.path.join(b.folder, "photographs.npy"))}
    for what, t, i in (("all its own", "own", "own"), ("clip.cpp given the reference's ids", "same", "own"),
                       ("clip.cpp given the reference's ids and pixels", "same", "same")):
        alike = (images[i].out @ texts[t].out.T).argmax(1) == want if images[i].ok and texts[t].ok else None
        yield Row("2", f"{len(files)} photographs, {len(labels)} labels, prediction as the reference's: {what}",
                  images[i].how if alike is None else f"{alike.mean():.1%}", f"{(ours == want).mean():.1%}",
                  f"100% ({len(set(want))} labels occur)", alike is None or alike.mean() < 0.98, bool((ours == want).mean() >= 0.99))


# --------------------------------------------------------------------------------------------------- 3: pictures

def as_grey_levels(pixels, channels):
    """[n, n, 3] normalised -> grey levels, taking the mean and deviation of those channels."""
    return np.rint((pixels * np.array(gguf.STD, np.float32)[channels] + np.array(gguf.MEAN, np.float32)[channels]) * 255)


def ask_3(b):
    pictures, path = b.pictures(), b.file("ViT-B-32")
    theirs = clip_cpp.run("preprocess", model=path, dim=512, pictures={name: where for name, (where, _) in pictures.items()})
    want = {name: normalised(u8) for name, (_, u8) in pictures.items()}
    ours = {name: b.cclip.preprocess(path, where)[0] for name, (where, _) in pictures.items()}
    read = [name for name in pictures if name in theirs.arrays]
    off = [{name: np.abs(as_grey_levels(got, [0, 1, 2]) - pictures[name][1]) for name, got in some.items()} for some in
           (theirs.arrays, {name: pixels.transpose(1, 2, 0) for name, pixels in ours.items()})]
    exact = [sum(not d.any() for d in one.values()) for one in off]
    grey = [float(np.mean([d.mean() for d in one.values()])) for one in off]
    yield Row("3", f"{len(pictures)} pictures in many formats, made ready for the model",
              f"{len(read)} read, {exact[0]} exact, {grey[0]:.1f} grey levels off on average" if theirs.ok else theirs.how,
              f"{len(ours)} read, {exact[1]} exact, {grey[1]:.1f} grey levels off", "Pillow 9.4", exact[0] < len(pictures), exact[1] == len(pictures))
    stack = [np.stack([got[name] for name in read]) for got in ({name: theirs.arrays[name].transpose(2, 0, 1) for name in read}, want, ours)]
    vectors = [b.images("ViT-B-32", pixels) for pixels in stack]
    cosine = [(vectors[i] * vectors[1]).sum(1) for i in (0, 2)]
    yield Row("3", f"cosine of the {len(read)} pictures' embeddings with the reference's (tower: the reference's)",
              f"{cosine[0].mean():.3f} on average, {cosine[0].min():.3f} worst", f"{cosine[1].mean():.6f} on average, {cosine[1].min():.6f} worst",
              "1", bool(cosine[0].min() < 0.99), bool(cosine[1].min() > 0.99999))
    own = [numpy_clip.linear_whole(pictures[name][0], 224) for name in read]
    like = sum(largest(as_grey_levels(theirs.arrays[name], [0, 0, 0]).reshape(-1, 3)[:len(flat)], flat) <= 3 for name, flat in zip(read, own))
    yield Row("3", "what it does: linear, longer side to 224, not cropped, no padding at the right, red's mean and deviation for all three channels",
              f"{like} of {len(read)} pictures are that", "bicubic, shorter side, centre crop", "as cclip", like > 0, exact[1] == len(pictures))


# --------------------------------------------------------------------------------------------------- 4: batches

def ask_4(b):
    for name in ("ViT-B-32", "ViT-B-16", "ViT-L-14"):
        path, dim = b.file(name), b.MODELS[name].dim
        for count in (2, 4):
            pixels, given = b.pixels(count)
            want = b.images(name, pixels)
            alone = clip_cpp.run("pixels", model=path, dim=dim, pixels=b.pixels(1)[1])
            theirs = clip_cpp.run("pixels", model=path, dim=dim, pixels=given, batch=True)
            rows = [b.cclip.embed_pixels(path, b.one(pixels, i)) for i in range(count)]
            ours = b.cclip.embed_pixels(path, given)
            off = np.abs(theirs.out - want).max(1) if theirs.ok else None
            yield Row("4", f"{name}, batch of {count}: rows against the reference", theirs.how if off is None else "off by " +
                      ", ".join(f"{x:.0e}" for x in off) + f" (first alone {largest(alone.out, want[:1]):.0e})",
                      f"off by {largest(ours, want):.0e}, as alone to the bit: {'yes' if np.array_equal(ours, np.concatenate(rows)) else 'NO'}",
                      "numpy", off is None or off.max() > 1e-3,
                      largest(ours, want) <= 1e-5 and np.array_equal(ours, np.concatenate(rows)))


# --------------------------------------------------------------------------------------------------- 5: token ids

def ask_5(b):
    lines, path = b.lines(), b.file("ViT-B-32")
    texts = [line["text"] for line in lines]
    theirs = clip_cpp.run("tokenize", model=path, dim=512, texts=texts)
    ours = b.cclip.tokenize_by_model(path, texts, style="openai")
    groups = collections.OrderedDict((("captions, lower case", lambda l: l["cat"] == "caption" and l["text"] == l["text"].lower()),
                                      ("captions", lambda l: l["cat"] == "caption"), ("all lines that ftfy leaves alone", lambda l: not l["ftfy"]),
                                      ("lines that ftfy repairs, but for mojibake", lambda l: l.get("ftfy_kind") == "simple")))
    for what, belongs in groups.items():
        some = [i for i, line in enumerate(lines) if belongs(line)]
        equal = [sum(ids is not None and ids[i] == [START, *lines[i]["ids"], END] for i in some) for ids in (theirs.result.get("ids"), ours) if ids]
        yield Row("5", f"token ids equal to the reference's: {what}", f"{equal[0]} of {len(some)}" if theirs.ok else theirs.how,
                  f"{equal[-1]} of {len(some)}", f"{len(some)}", not theirs.ok or equal[0] < len(some), equal[-1] == len(some))
    said = theirs.printed.count("unknown token")
    spaces = theirs.printed.count("unknown token ' '")
    yield Row("5", f"times \"unknown token\" is printed for {len(lines)} texts", f"{said}, {spaces} of them for the space",
              f"0, ids for all {len(ours)}", "0", said > 0, len(ours) == len(lines))


# --------------------------------------------------------------------------------------------------- 6: ViT-H/14

def ask_6(b):
    pixels, given = b.pixels(1)
    for name, what in (("ViT-H-14", "ViT-H/14 whole: 986 million parameters, f16"),
                       ("H-14-4-layers", "ViT-H/14's widths, other depths (4 and 3 layers)")):
        path, dim = b.file(name), b.MODELS[name].dim
        ids = [b.tokenizer("a photo of a dog on the beach")]
        want = [b.images(name, pixels), b.texts(name, ids)]
        theirs = [clip_cpp.run("pixels", model=path, dim=dim, pixels=given), clip_cpp.run("texts", model=path, dim=dim, ids=ids)]
        ours = [b.cclip.embed_pixels(path, given), b.cclip_tokens(path, ids)]
        off = [largest(got, one) for got, one in zip(ours, want)]
        yield Row("6", what, "; ".join(f"{kind} {difference(ended, one)}" for kind, ended, one in zip(("picture", "text"), theirs, want))
                  + ("" if theirs[0].ok else f": {theirs[0].last_words()}"),
                  f"picture off by {off[0]:.0e}; text off by {off[1]:.0e}", "numpy",
                  not all(ended.ok and largest(ended.out, one) <= 1e-3 for ended, one in zip(theirs, want)), max(off) <= 1e-5)


# --------------------------------------------------------------------------------------------------- 13b

def ask_13b(b):
    path = b.file("ViT-B-32")
    yield from too_long(b, path)
    yield from second_model(b, path)
    yield from two_threads(b, path)


def too_long(b, path):
    """Two files that differ in the image tower's position table alone: no text may tell them apart."""
    other = b.file("ViT-B-32", scale_of={"visual.positional_embedding": 3})
    text = " ".join(["dog"] * 98)
    ids = b.tokenizer(text)
    theirs = [clip_cpp.run("texts", model=one, dim=512, ids=[ids]) for one in (path, other)]
    told = "; ".join(ended.how for ended in theirs if not ended.ok) or \
        f"a vector, no error; it moves by {largest(theirs[0].out, theirs[1].out):.1e} when only the IMAGE tower's position table changes"
    said = b.cclip.refusal("embed", "--model", path, "--text", text)
    yield Row("13b", f"a text of {len(ids)} tokens where 77 fit", told, f"refused: {said}" if said else "accepted",
              "refused: too long for context length 77",
              not any("not encoded" in ended.last_words() for ended in theirs), bool(said))


def second_model(b, path):
    pixels, given = b.pixels(2)
    larger = b.file("ViT-L-14")
    alone, after = (clip_cpp.run("second_model", first=first, first_dim=512, model=larger, dim=768, pixels=given) for first in (None, path))
    want = b.images("ViT-L-14", pixels)
    if b.library:
        ours = b.library.second_model(path, 512, larger, 768, pixels)
        told, right = f"off by {largest(ours, want):.0e}", largest(ours, want) <= 1e-5
    else:
        told, right = "not run: no libcclip.so", True
    yield Row("13b", "ViT-B/32 encodes a picture, then ViT-L/14 two, in one process",
              f"{after.how}: {after.last_words()} (without the first model: {alone.how})", told, "numpy", not after.ok, right)


def two_threads(b, path):
    ids = [b.tokenizer("a photo of a dog on the beach, it is a very sunny day"), b.tokenizer("two cats and a red bicycle")]
    theirs = clip_cpp.run("threads", model=path, dim=512, ids=ids, rounds=20)
    if b.library:
        wrong, calls = b.library.two_threads(path, 512, ids, rounds=20)
        told = f"{wrong} of {calls} results wrong"
    else:
        wrong, told = 0, "not run: no libcclip.so"
    yield Row("13b", "two threads, each with a model of its own, one text each, 20 times",
              f"{theirs.result['wrong']} of {theirs.result['calls']} results wrong" if theirs.ok else theirs.how, told,
              "each as alone", not theirs.ok or theirs.result["wrong"] > 0, wrong == 0)


ASKS = {"1": ask_1, "2": ask_2, "3": ask_3, "4": ask_4, "5": ask_5, "6": ask_6, "13b": ask_13b}
