"""The C interface of clip.cpp's libclip.so (PyPI: clip_cpp), and the cases that clip_cpp.py runs in a process of their own.

    python clip_cpp_library.py CASE ARGUMENTS.json OUT_FOLDER

The library ends its process on some inputs and can crash on others: `run` starts a case in a child and tells how it ended.
A case leaves its numbers as OUT_FOLDER/NAME.npy and OUT_FOLDER/result.json. Needs numpy and clip_cpp.
"""

import ctypes
import importlib.metadata
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading

import numpy as np


class Tokens(ctypes.Structure):
    _fields_ = [("data", ctypes.POINTER(ctypes.c_int32)), ("size", ctypes.c_size_t)]


class Picture(ctypes.Structure):                   # data: bytes before preprocessing, floats (rows of RGB) after it
    _fields_ = [("nx", ctypes.c_int), ("ny", ctypes.c_int), ("data", ctypes.c_void_p), ("size", ctypes.c_size_t)]


class Batch(ctypes.Structure):
    _fields_ = [("data", ctypes.POINTER(Picture)), ("size", ctypes.c_size_t)]


def version():
    return importlib.metadata.version("clip_cpp")


def installed():
    try:
        return os.path.exists(importlib.metadata.distribution("clip_cpp").locate_file("clip_cpp/libclip.so"))
    except importlib.metadata.PackageNotFoundError:
        return False


def load_library():
    folder = importlib.metadata.distribution("clip_cpp").locate_file("clip_cpp")
    ctypes.CDLL(os.path.join(folder, "libggml.so"), mode=ctypes.RTLD_GLOBAL)
    library = ctypes.CDLL(os.path.join(folder, "libclip.so"))
    p, f = ctypes.c_void_p, ctypes.POINTER(ctypes.c_float)
    for name, result, arguments in (
            ("clip_model_load", p, [ctypes.c_char_p, ctypes.c_int]),
            ("clip_tokenize", ctypes.c_bool, [p, ctypes.c_char_p, ctypes.POINTER(Tokens)]),
            ("clip_image_load_from_file", ctypes.c_bool, [ctypes.c_char_p, ctypes.POINTER(Picture)]),
            ("clip_image_preprocess", ctypes.c_bool, [p, ctypes.POINTER(Picture), ctypes.POINTER(Picture)]),
            ("clip_text_encode", ctypes.c_bool, [p, ctypes.c_int, ctypes.POINTER(Tokens), f, ctypes.c_bool]),
            ("clip_image_encode", ctypes.c_bool, [p, ctypes.c_int, ctypes.POINTER(Picture), f, ctypes.c_bool]),
            ("clip_image_batch_encode", ctypes.c_bool, [p, ctypes.c_int, ctypes.POINTER(Batch), f, ctypes.c_bool]),
            ("clip_zero_shot_label_image", ctypes.c_bool, [p, ctypes.c_int, ctypes.POINTER(Picture), ctypes.POINTER(ctypes.c_char_p),
                                                           ctypes.c_size_t, f, ctypes.POINTER(ctypes.c_int)])):
        getattr(library, name).restype, getattr(library, name).argtypes = result, arguments
    return library


def floats(count):
    return (ctypes.c_float * count)()


class Clip:
    """One model in the library."""

    def __init__(self, path, dim, size=224, threads=1, library=None):
        self.library = library or load_library()
        self.dim, self.size, self.threads = dim, size, threads
        self.context = self.library.clip_model_load(os.fsencode(path), 1)
        if not self.context:
            raise RuntimeError(f"{path}: not loaded")

    def tokenize(self, text):
        tokens = Tokens()
        if not self.library.clip_tokenize(self.context, text.encode("utf-8"), ctypes.byref(tokens)):
            return None
        return tokens.data[:tokens.size]

    def encode_text(self, ids, normalize=True):
        data, out = (ctypes.c_int32 * len(ids))(*ids), floats(self.dim)
        tokens = Tokens(ctypes.cast(data, ctypes.POINTER(ctypes.c_int32)), len(ids))
        if not self.library.clip_text_encode(self.context, self.threads, ctypes.byref(tokens), out, normalize):
            raise RuntimeError("text not encoded")
        return np.array(out, np.float32)

    def load(self, path):
        picture = Picture()
        return picture if self.library.clip_image_load_from_file(os.fsencode(path), ctypes.byref(picture)) else None

    def preprocess(self, path):
        """float32 [height, width, 3], or None where the picture is not read."""
        picture, ready = self.load(path), Picture()
        if picture is None or not self.library.clip_image_preprocess(self.context, ctypes.byref(picture), ctypes.byref(ready)):
            return None
        data = ctypes.cast(ready.data, ctypes.POINTER(ctypes.c_float))
        return np.ctypeslib.as_array(data, (ready.ny, ready.nx, 3)).copy()

    def pictures(self, pixels):
        """`pixels`: float32 [n, 3, size, size]. The array of structs keeps its memory alive."""
        rows = np.ascontiguousarray(pixels.transpose(0, 2, 3, 1), np.float32)
        array = (Picture * len(rows))()
        for one, row in zip(array, rows):
            one.nx = one.ny = self.size
            one.data, one.size = row.ctypes.data, row.size
        array.rows = rows
        return array

    def encode_image(self, pixels, normalize=True):
        out = floats(self.dim)
        if not self.library.clip_image_encode(self.context, self.threads, self.pictures(pixels[None]), out, normalize):
            raise RuntimeError("image not encoded")
        return np.array(out, np.float32)

    def encode_batch(self, pixels, normalize=True):
        array, out = self.pictures(pixels), floats(self.dim * len(pixels))
        batch = Batch(ctypes.cast(array, ctypes.POINTER(Picture)), len(pixels))
        if not self.library.clip_image_batch_encode(self.context, self.threads, ctypes.byref(batch), out, normalize):
            raise RuntimeError("batch not encoded")
        return np.array(out, np.float32).reshape(len(pixels), self.dim)

    def zero_shot(self, path, labels):
        """Probabilities in the order of the labels."""
        names = (ctypes.c_char_p * len(labels))(*[label.encode("utf-8") for label in labels])
        scores, indices = floats(len(labels)), (ctypes.c_int * len(labels))()
        if not self.library.clip_zero_shot_label_image(self.context, self.threads, ctypes.byref(self.load(path)), names,
                                                       len(labels), scores, indices):
            raise RuntimeError("picture not labelled")
        out = np.zeros(len(labels), np.float32)
        out[list(indices)] = list(scores)
        return out


# --------------------------------------------------------------------------------------------------- cases

def case_tokenize(a, save):
    clip = Clip(a["model"], a["dim"])
    return {"ids": [clip.tokenize(text) for text in a["texts"]]}


def case_texts(a, save):
    clip = Clip(a["model"], a["dim"])
    save("out", np.stack([clip.encode_text(ids) for ids in a["ids"]]))


def case_preprocess(a, save):
    clip = Clip(a["model"], a["dim"])
    for name, path in a["pictures"].items():
        pixels = clip.preprocess(path)
        if pixels is not None:
            save(name, pixels)


def case_pixels(a, save):
    """Each alone, or all as one batch."""
    clip, pixels = Clip(a["model"], a["dim"], a.get("size", 224)), np.load(a["pixels"])
    save("out", clip.encode_batch(pixels) if a.get("batch") else np.stack([clip.encode_image(one) for one in pixels]))


def case_files(a, save):
    """Picture files through its own preprocessing."""
    clip = Clip(a["model"], a["dim"])
    save("out", np.stack([clip.encode_image(clip.preprocess(path).transpose(2, 0, 1)) for path in a["pictures"]]))


def case_zero_shot(a, save):
    clip = Clip(a["model"], a["dim"])
    save("out", np.stack([clip.zero_shot(path, a["labels"]) for path in a["pictures"]]))


def case_zero_shot_parts(a, save):
    """Its probabilities, and the vectors that they come from, at their own length."""
    clip = Clip(a["model"], a["dim"])
    save("out", np.stack([clip.zero_shot(path, a["labels"]) for path in a["pictures"]]))
    save("images", np.stack([clip.encode_image(clip.preprocess(path).transpose(2, 0, 1), False) for path in a["pictures"]]))
    save("texts", np.stack([clip.encode_text(clip.tokenize(label), False) for label in a["labels"]]))


def case_second_model(a, save):
    """A picture through a small model, then a batch through a larger one."""
    library, pixels = load_library(), np.load(a["pixels"])
    if a["first"]:
        Clip(a["first"], a["first_dim"], library=library).encode_image(pixels[0])
    save("out", Clip(a["model"], a["dim"], library=library).encode_batch(pixels))


def case_threads(a, save):
    """Two threads, each with a model of its own, encode texts at the same time."""
    library = load_library()
    clips = [Clip(a["model"], a["dim"], library=library) for _ in range(2)]
    alone = [clip.encode_text(ids) for clip, ids in zip(clips, a["ids"])]
    clips[1].encode_text(a["ids"][1])
    wrong, rounds, ready = [0, 0], a["rounds"], threading.Barrier(2)

    def work(me):
        ready.wait()
        for _ in range(rounds):
            wrong[me] += not np.array_equal(clips[me].encode_text(a["ids"][me]), alone[me])

    workers = [threading.Thread(target=work, args=(me,)) for me in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return {"wrong": sum(wrong), "calls": 2 * rounds}


# --------------------------------------------------------------------------------------------------- the child

class Ended:
    """How a case ended: `ok`, `how` in words, what it printed, its arrays and its result."""

    def __init__(self, code, printed, folder):
        self.ok = code == 0
        self.how = "ok" if code == 0 else f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit({code})"
        self.printed = printed
        self.arrays, self.result = {}, {}
        for name in os.listdir(folder):
            if name.endswith(".npy"):
                self.arrays[name[:-4]] = np.load(os.path.join(folder, name))
        if os.path.exists(os.path.join(folder, "result.json")):
            with open(os.path.join(folder, "result.json"), encoding="ascii") as text:
                self.result = json.load(text)

    @property
    def out(self):
        return self.arrays.get("out")

    def last_words(self):
        lines = [line.strip() for line in self.printed.splitlines() if line.strip()]
        return lines[-1] if lines else ""


def run(case, timeout=3600, **arguments):
    with tempfile.TemporaryDirectory() as folder:
        given = os.path.join(folder, "arguments")
        with open(given, "w", encoding="ascii") as text:
            json.dump(arguments, text)
        try:
            done = subprocess.run([sys.executable, os.path.abspath(__file__), case, given, folder], timeout=timeout,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            return Ended(done.returncode, done.stdout.decode("utf-8", "replace"), folder)
        except subprocess.TimeoutExpired:
            ended = Ended(1, "", folder)
            ended.how = f"no end after {timeout} s"
            return ended


def main():
    case, given, folder = sys.argv[1:]
    with open(given, encoding="ascii") as text:
        arguments = json.load(text)
    result = globals()["case_" + case](arguments, lambda name, array: np.save(os.path.join(folder, name + ".npy"), array))
    with open(os.path.join(folder, "result.json"), "w", encoding="ascii") as text:
        json.dump(result or {}, text)


if __name__ == "__main__":
    main()
