"""Every cclip command line that the interop tests use, in this one place.

If an option of the program changes, this is the only file to change.
"""

import json
import os
import subprocess
import tempfile

import numpy as np


class CommandFailed(Exception):
    """cclip ended with an exit status other than 0."""


class Cclip:
    def __init__(self, program, threads=2):
        self.program = os.path.abspath(program)
        self.threads = threads

    def run(self, *arguments, stdin=None):
        command = [self.program, *map(str, arguments)]
        done = subprocess.run(command, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if done.returncode != 0:
            last = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
            raise CommandFailed(f"exit status {done.returncode}: {' '.join(last)} [{' '.join(command)}]")
        return done.stdout

    def version(self):
        return self.run("--version").decode("utf-8", "replace").splitlines()[0]

    def _to_npy(self, *arguments):
        with tempfile.TemporaryDirectory() as folder:
            out = os.path.join(folder, "out.npy")
            self.run(*arguments, "-o", out)
            return np.load(out)

    def embed_pixels(self, model, pixels):
        return self._to_npy("embed", "--model", model, "--pixels", pixels, "--threads", self.threads)

    def embed_tokens(self, model, tokens):
        return self._to_npy("embed", "--model", model, "--tokens", tokens, "--threads", self.threads)

    def embed_images(self, model, list_file):
        """`list_file` names one picture a line; returns the rows in that order."""
        return self._to_npy("embed", "--model", model, "--images-from", list_file, "--threads", self.threads)

    def embed_texts(self, model, text_file):
        """`text_file` holds one text a line."""
        return self._to_npy("embed", "--model", model, "--texts-from", text_file, "--threads", self.threads)

    def preprocess(self, model, picture):
        return self._to_npy("preprocess", "--model", model, picture)

    def tokenize(self, vocab, texts, style="hf", context=4096):
        """One list of ids a text, start and end token included."""
        lines = "".join(json.dumps(text) + "\n" for text in texts).encode("ascii")
        out = self.run("tokenize", "--vocab", vocab, "--style", style, "--context", context, "--jsonl", stdin=lines)
        return [json.loads(line) for line in out.splitlines()]

    def train_tokenizer(self, captions, size, folder):
        lines = "".join(json.dumps(text) + "\n" for text in captions).encode("ascii")
        self.run("train-tokenizer", "--size", size, "--min-count", 1, "--jsonl", "-o", folder, "-", stdin=lines)

    def tokenize_by_model(self, model, texts, style):
        """As `tokenize`, with the vocabulary inside a checkpoint."""
        lines = "".join(json.dumps(text) + "\n" for text in texts).encode("ascii")
        out = self.run("tokenize", "--model", model, "--style", style, "--context", 4096, "--jsonl", stdin=lines)
        return [json.loads(line) for line in out.splitlines()]

    def refusal(self, *arguments):
        """The message with which a command is refused, or None if it is not."""
        done = subprocess.run([self.program, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        return done.stderr.decode("utf-8", "replace").strip() if done.returncode in (1, 2) else None

    def convert(self, source, target, layout):
        """`layout` is 'hf' or 'open_clip'."""
        self.run("convert", source, target, "--format", layout)

    def evaluate(self, model, dataset):
        """`dataset` is a folder in CLIP_benchmark's WebDataset layout; returns its metrics."""
        out = self.run("evaluate", "--model", model, "--dataset", dataset, "--json", "--threads", self.threads)
        result = json.loads(out.splitlines()[-1])
        return result.get("metrics", result)

    def classify(self, model, picture, labels, template="{}"):
        """Returns {label: probability}."""
        with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as names:
            names.write("".join(label + "\n" for label in labels))
            names.flush()
            out = self.run("classify", picture, "--model", model, "--labels-from", names.name,
                           "--template", template, "--top", len(labels), "--json")
        return {entry["label"]: entry["score"] for entry in json.loads(out)["labels"]}
