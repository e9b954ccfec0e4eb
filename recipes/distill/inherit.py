#!/usr/bin/env python3
"""A student that begins with what its teacher knows: half the width, a text layer fewer, a vocabulary of 3,072.

usage: inherit.py [--cclip PROGRAM] [--pictures 3000] [--captions 8000] TEACHER STUDENT SHARD...

TEACHER is an open_clip folder of a CLIP with a ResNet; the shards hold pairs like those it learned from. Channels that matter least
are left out; then each layer in turn is fitted, by least squares, to give the teacher's values of the channels that stay, from what
the student's earlier layers give. So a layer makes good what those before it lost. (TinyCLIP, Wu et al., 2023, inherits weights
by a mask that learns; this needs no gradient.) Needs numpy, and 3 GB of memory a thousand pictures of 64 x 64.
"""

import argparse
import json
import os
import struct
import subprocess
import tarfile
import tempfile

import numpy as np

RIDGE = 1e-3  # of the mean square of a layer's inputs
ROWS = 60000  # most examples a layer is fitted to
VOCABULARY = 3072
DROPPED = 2  # the text layer that is left out: the one before it makes up for it


def read_tensors(path):
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        data = file.read()
    kinds = {"F16": np.float16, "F32": np.float32, "I64": np.int64}
    return {name: np.frombuffer(data[slice(*e["data_offsets"])], kinds[e["dtype"]]).reshape(e["shape"]).astype(np.float32)
            for name, e in header.items() if name != "__metadata__"}


def write_tensors(path, tensors):
    header, at = {"__metadata__": {"format": "pt"}}, 0
    for name, value in tensors.items():
        header[name] = {"dtype": "F32", "shape": list(value.shape), "data_offsets": [at, at + value.size * 4]}
        at += value.size * 4
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for value in tensors.values():
            file.write(np.ascontiguousarray(value, np.float32).tobytes())


def fit(x, y):
    """W [out, in] and b with x W^T + b nearest to y; rows of x and y are examples."""
    x, y = x.reshape(-1, x.shape[-1]), y.reshape(-1, y.shape[-1])
    if len(x) > ROWS:
        some = np.random.default_rng(0).choice(len(x), ROWS, replace=False)
        x, y = x[some], y[some]
    mx, my = x.mean(0), y.mean(0)
    x = x - mx
    a = x.T @ x
    a[np.diag_indices_from(a)] += RIDGE * np.trace(a) / len(a) + 1e-8
    w = np.linalg.solve(a, x.T @ (y - my)).T
    return w, my - w @ mx


def relu(x):
    return np.maximum(x, 0)


def quick_gelu(x):
    return x / (1 + np.exp(-1.702 * x))


def windows(x, k, stride):
    """[n, h, w, c] -> [n, h', w', c k k], in the order of a convolution's weights."""
    if k == 1:
        return x
    x = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    x = np.lib.stride_tricks.sliding_window_view(x, (k, k), (1, 2))[:, ::stride, ::stride]
    return np.ascontiguousarray(x).reshape(*x.shape[:3], -1)


def pool(x, stride):
    if stride == 1:
        return x
    n, h, w, c = x.shape
    return x.reshape(n, h // 2, 2, w // 2, 2, c).mean((2, 4))


def strongest(score, count):
    return np.sort(np.argsort(-score, kind="stable")[:count])


class ImageTower:
    """Both towers side by side: t* are the teacher's values, s* the student's."""

    def __init__(self, teacher, pixels):
        self.w, self.new = teacher, {}
        self.tx = self.sx = pixels.transpose(0, 2, 3, 1)

    def teacher(self, conv, norm, x, stride=1):
        """Convolution and batch norm."""
        w, g = self.w[f"{conv}.weight"], lambda part: self.w[f"{norm}.{part}"]
        scale = g("weight") / np.sqrt(g("running_var") + 1e-5)
        return windows(x, w.shape[2], stride) @ w.reshape(len(w), -1).T * scale + (g("bias") - g("running_mean") * scale)

    def student(self, conv, norm, x, goal, stride=1):
        """A convolution and a batch norm that come nearest to the goal."""
        k = self.w[f"{conv}.weight"].shape[2]
        x = windows(x, k, stride)
        w, b = fit(x, goal)
        y = x @ w.T
        mean, var = y.mean((0, 1, 2)), y.var((0, 1, 2))
        self.new[f"{conv}.weight"] = w.reshape(len(w), -1, k, k)
        self.new |= {f"{norm}.weight": np.sqrt(var + 1e-5), f"{norm}.bias": b + mean, f"{norm}.running_mean": mean,
                     f"{norm}.running_var": var}
        return y + b

    def reading(self, conv):
        """How strongly each input channel is read."""
        return np.sqrt((self.w[f"{conv}.weight"] ** 2).sum((0, 2, 3)))

    def writing(self, norm):
        return np.abs(self.w[f"{norm}.weight"])

    def step(self, conv, norm, next_conv, stride=1):
        keep = self.writing(norm) * self.reading(next_conv)
        keep = strongest(keep, len(keep) // 2)
        t = self.teacher(conv, norm, self.tx, stride)
        s = self.student(conv, norm, self.sx, t[..., keep], stride)
        self.tx, self.sx = relu(t), relu(s)

    def block(self, name, stride, keep):
        tin, sin = self.tx, self.sx
        self.step(f"{name}.conv1", f"{name}.bn1", f"{name}.conv2")
        self.step(f"{name}.conv2", f"{name}.bn2", f"{name}.conv3")
        self.tx, self.sx = pool(self.tx, stride), pool(self.sx, stride)
        if f"{name}.downsample.0.weight" in self.w:
            down = f"{name}.downsample.0", f"{name}.downsample.1"
            tin = self.teacher(*down, pool(tin, stride))
            sin = self.student(*down, pool(sin, stride), tin[..., keep])
        t = self.teacher(f"{name}.conv3", f"{name}.bn3", self.tx) + tin
        s = self.student(f"{name}.conv3", f"{name}.bn3", self.sx, t[..., keep] - sin) + sin
        self.tx, self.sx = relu(t), relu(s)

    def layers(self):
        for i in 1, 2, 3:
            reader = f"visual.conv{i + 1}" if i < 3 else "visual.layer1.0.conv1"
            self.step(f"visual.conv{i}", f"visual.bn{i}", reader, 2 if i == 1 else 1)
        self.tx, self.sx = pool(self.tx, 2), pool(self.sx, 2)
        for layer in range(1, 5):
            blocks = [f"visual.layer{layer}.{i}" for i in range(16) if f"visual.layer{layer}.{i}.conv1.weight" in self.w]
            written = self.writing(f"{blocks[0]}.downsample.1") + sum(self.writing(f"{b}.bn3") for b in blocks)
            if layer < 4:
                reader = f"visual.layer{layer + 1}.0"
                read = np.hypot(self.reading(f"{reader}.conv1"), self.reading(f"{reader}.downsample.0"))
            else:
                read = np.sqrt(sum((self.w[f"visual.attnpool.{p}_proj.weight"] ** 2).sum(0) for p in "qkv"))
            keep = strongest(written * read, len(read) // 2)
            for i, block in enumerate(blocks):
                self.block(block, 2 if layer > 1 and i == 0 else 1, keep)
            print(f"  {blocks[0][:-2]}: {explained(self.tx[..., keep], self.sx):.3f} of the variance", flush=True)
        self.kept = keep

    def pooled(self, x, positions, project):
        """Attention of the mean over all places: [n, c]."""
        x = x.reshape(len(x), -1, x.shape[-1])
        x = np.concatenate([x.mean(1, keepdims=True), x], 1) + positions
        q, k, v = project(x)
        split = lambda y: y.reshape(*y.shape[:2], -1, 64)
        a = np.einsum("nihd,njhd->nhij", split(q), split(k)) / 8
        a = np.exp(a - a.max(-1, keepdims=True))
        a /= a.sum(-1, keepdims=True)
        return np.einsum("nhij,njhd->nihd", a, split(v)).reshape(len(x), -1)

    def attention(self):
        name = "visual.attnpool."
        w, new, values = self.w, self.new, {}
        read, written = (w[name + "c_proj.weight"] ** 2).sum(0), (w[name + "v_proj.weight"] ** 2).sum(1)
        heads = read.reshape(-1, 64).sum(1) * written.reshape(-1, 64).sum(1)
        heads = strongest(heads, len(heads) // 2)
        keep = (heads[:, None] * 64 + np.arange(64)).reshape(-1)

        def of_teacher(x):
            for p in "qkv":
                values[p] = x @ w[f"{name}{p}_proj.weight"].T + w[f"{name}{p}_proj.bias"]
            return values["q"][:, :1], values["k"], values["v"]

        def of_student(x):
            out = []
            for p in "qkv":
                a, b = fit(x, values[p][..., keep])
                new[f"{name}{p}_proj.weight"], new[f"{name}{p}_proj.bias"] = a, b
                out.append(x @ a.T + b)
            return out[0][:, :1], out[1], out[2]

        t = self.pooled(self.tx, w[name + "positional_embedding"], of_teacher)
        t = t @ w[name + "c_proj.weight"].T + w[name + "c_proj.bias"]
        new[name + "positional_embedding"] = w[name + "positional_embedding"][:, self.kept]
        s = self.pooled(self.sx, new[name + "positional_embedding"], of_student)
        a, b = fit(s, t)
        new[name + "c_proj.weight"], new[name + "c_proj.bias"] = a, b
        return t, s @ a.T + b


def explained(t, s):
    return 1 - ((t - s) ** 2).sum() / ((t - t.mean(tuple(range(t.ndim - 1)))) ** 2).sum()


def norm(x):
    x = x - x.mean(-1, keepdims=True)
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-5)


def attend(q, k, v, heads):
    n, length, width = q.shape
    split = lambda y: y.reshape(n, length, heads, -1)
    a = np.einsum("nihd,njhd->nhij", split(q), split(k)) / np.sqrt(width // heads)
    a = np.where(np.tri(length, dtype=bool), a, -1e9)
    a = np.exp(a - a.max(-1, keepdims=True))
    a /= a.sum(-1, keepdims=True)
    return np.einsum("nhij,njhd->nihd", a, split(v)).reshape(n, length, width)


def principal(x, count):
    """The directions in which x varies most: [features, count]."""
    x = x.reshape(-1, x.shape[-1])
    return np.linalg.eigh(x.T @ x)[1][:, ::-1][:, :count]


class TextTower:
    """As ImageTower. The student's stream is the teacher's, turned into its principal directions."""

    def __init__(self, teacher, ids, heads, dropped):
        self.w, self.new, self.heads, self.dropped = teacher, {}, heads, dropped
        self.ids, self.ends = ids, ids.argmax(1)
        self.real = np.arange(ids.shape[1]) <= self.ends[:, None]  # the rest is padding

    def teacher_layer(self, i, x):
        name, w = f"transformer.resblocks.{i}.", self.w
        y = norm(x) * w[name + "ln_1.weight"] + w[name + "ln_1.bias"]
        q, k, v = np.split(y @ w[name + "attn.in_proj_weight"].T + w[name + "attn.in_proj_bias"], 3, -1)
        middle = x + attend(q, k, v, self.heads) @ w[name + "attn.out_proj.weight"].T + w[name + "attn.out_proj.bias"]
        y = norm(middle) * w[name + "ln_2.weight"] + w[name + "ln_2.bias"]
        h = y @ w[name + "mlp.c_fc.weight"].T + w[name + "mlp.c_fc.bias"]
        return q, k, v, middle, h, middle + quick_gelu(h) @ w[name + "mlp.c_proj.weight"].T + w[name + "mlp.c_proj.bias"]

    def fitted(self, name, x, goal, weight=".weight", bias=".bias"):
        a, b = fit(x[self.real], goal[self.real])
        self.new[name + weight], self.new[name + bias] = a, b
        return x @ a.T + b

    def halves(self, *parts):
        """For each head the directions, half as many, in which its vectors vary most."""
        heads = zip(*(np.split(x, self.heads, -1) for x in parts))
        return [principal(np.concatenate([x[self.real] for x in head]), head[0].shape[-1] // 2) for head in heads]

    def turned(self, x, turns):
        return np.concatenate([h @ t for h, t in zip(np.split(x, self.heads, -1), turns)], -1)

    def student_layer(self, j, i, x, values, after):
        """Layer j of the student, which begins where the teacher's layer i does and is to end at `after`."""
        q, k, v, middle, h, _ = values
        name, width = f"transformer.resblocks.{j}.", x.shape[-1]
        for part in "ln_1", "ln_2":
            self.new |= {f"{name}{part}.weight": np.ones(width), f"{name}{part}.bias": np.zeros(width)}
        both = self.halves(q, k)
        # half the length of a key makes its scale 1 / sqrt 2 less
        goal = np.concatenate([self.turned(q, both) / np.sqrt(2), self.turned(k, both), self.turned(v, self.halves(v))], -1)
        made = self.fitted(name + "attn.in_proj", norm(x), goal, "_weight", "_bias")
        seen = attend(*np.split(made, 3, -1), self.heads)
        x = x + self.fitted(name + "attn.out_proj", seen, middle @ self.turn - x)
        read = np.sqrt((self.w[f"transformer.resblocks.{i}.mlp.c_proj.weight"] ** 2).sum(0))
        keep = strongest(np.sqrt((quick_gelu(h[self.real]) ** 2).mean(0)) * read, len(read) // 2)
        g = quick_gelu(self.fitted(name + "mlp.c_fc", norm(x), h[..., keep]))
        return x + self.fitted(name + "mlp.c_proj", g, after @ self.turn - x)

    def run(self, vocabulary):
        w, new = self.w, self.new
        count = 1 + max(int(n.split(".")[2]) for n in w if n.startswith("transformer."))
        x = w["token_embedding.weight"][self.ids] + w["positional_embedding"]
        states, values = [x], []
        for i in range(count):
            values.append(self.teacher_layer(i, states[-1]))
            states.append(values[-1][-1])
        # as the norms see it: centred, of one length
        self.turn = principal(np.concatenate([norm(s)[self.real] for s in states]), x.shape[-1] // 2)
        new["token_embedding.weight"] = w["token_embedding.weight"][vocabulary] @ self.turn
        new["positional_embedding"] = w["positional_embedding"] @ self.turn
        s, kept = x @ self.turn, [i for i in range(count) if i != self.dropped]
        for j, i in enumerate(kept):
            after = states[kept[j + 1] if j + 1 < len(kept) else count]
            s = self.student_layer(j, i, s, values[i], after)
            print(f"  text layer {j}: {explained((after @ self.turn)[self.real], s[self.real]):.3f} of the variance", flush=True)
        return self.project(states[-1], s)

    def project(self, t, s):
        w, new, rows = self.w, self.new, (np.arange(len(self.ids)), self.ends)
        t = (norm(t) * w["ln_final.weight"] + w["ln_final.bias"])[rows] @ w["text_projection"]
        y = norm(s)[rows]
        a, b = fit(y, t)
        # a projection has no bias: the norm's makes it, as near as it can
        new |= {"text_projection": a.T, "ln_final.weight": np.ones(len(a.T)), "ln_final.bias": np.linalg.lstsq(a, b, rcond=1e-3)[0]}
        return t, (y + new["ln_final.bias"]) @ a.T


def near(t, s):
    unit = lambda x: x / np.linalg.norm(x, axis=-1, keepdims=True)
    return (unit(t) * unit(s)).sum(-1).mean()


def write_vocabulary(teacher, student, size):
    """The first `size` of the teacher's: a shorter list of merges is a vocabulary too."""
    with open(os.path.join(teacher, "merges.txt"), encoding="utf-8") as file:
        lines = file.read().split("\n")
    with open(os.path.join(teacher, "vocab.json"), encoding="utf-8") as file:
        ids = json.load(file)
    tokens = sorted(ids, key=ids.get)
    kept = tokens[: size - 2] + tokens[-2:]
    with open(os.path.join(student, "merges.txt"), "w", encoding="utf-8") as file:
        file.write("\n".join(lines[: 1 + size - 2 - 512]) + "\n")
    with open(os.path.join(student, "vocab.json"), "w", encoding="utf-8") as file:
        json.dump({token: i for i, token in enumerate(kept)}, file, ensure_ascii=False)
    with open(os.path.join(teacher, "tokenizer_config.json"), encoding="utf-8") as file, \
            open(os.path.join(student, "tokenizer_config.json"), "w", encoding="utf-8") as copy:
        copy.write(file.read())
    return [ids[token] for token in kept]


def read_pairs(shards, folder, pictures, captions):
    """Some pictures of each shard as files, and the first captions as lines: (paths, lines)."""
    paths, lines = [], []
    for shard in shards:
        end = len(paths) + -(-pictures // len(shards))
        with tarfile.open(shard) as tar:
            for member in tar:
                extension = member.name.rsplit(".", 1)[-1]
                if extension == "json":
                    about = json.load(tar.extractfile(member))
                    lines.append(" ".join((about.get("caption") or about["captions"][0]).split()))
                elif extension != "txt" and len(paths) < end:
                    paths.append(os.path.join(folder, f"{len(paths):06}.{extension}"))
                    with open(paths[-1], "wb") as out:
                        out.write(tar.extractfile(member).read())
    return paths, lines[:captions]


def inputs(options, folder):
    """What both towers take: pixels, and rows of ids."""
    paths, lines = read_pairs(options.shard, folder, options.pictures, options.captions)
    pixels, model = os.path.join(folder, "pixels.npy"), ["--model", options.teacher]
    # in parts: a command line has an end
    parts = []
    for i in range(0, len(paths), 1000):
        subprocess.run([options.cclip, "preprocess", *model, "-o", pixels, *paths[i : i + 1000]], check=True)
        parts.append(np.load(pixels))
    made = subprocess.run([options.cclip, "tokenize", *model, "--truncate"], input="\n".join(lines) + "\n", text=True,
                          stdout=subprocess.PIPE, check=True)
    return np.concatenate(parts), [json.loads(line) for line in made.stdout.splitlines()]


def known(rows, text):
    """Captions all of whose tokens the student has: ids as the teacher's, padded with 0."""
    context, total = text["context_length"], text["vocab_size"]
    rows = [ids for ids in rows if all(i < VOCABULARY - 2 or i >= total - 2 for i in ids)]
    return np.array([ids + [0] * (context - len(ids)) for ids in rows])


def write_student(folder, config, tensors):
    config["model_cfg"]["vision_cfg"]["width"] //= 2
    text = config["model_cfg"]["text_cfg"]
    text["width"] //= 2
    text["layers"] -= 1
    text["vocab_size"] = VOCABULARY
    with open(os.path.join(folder, "open_clip_config.json"), "w", encoding="utf-8") as file:
        json.dump(config, file, indent=1)
    write_tensors(os.path.join(folder, "open_clip_model.safetensors"), tensors)
    print(f"{folder}: {sum(value.size for value in tensors.values())} values")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cclip", default="cclip")
    parser.add_argument("--pictures", type=int, default=3000)
    parser.add_argument("--captions", type=int, default=8000)
    parser.add_argument("teacher")
    parser.add_argument("student")
    parser.add_argument("shard", nargs="+")
    options = parser.parse_args()
    with open(os.path.join(options.teacher, "open_clip_config.json"), encoding="utf-8") as file:
        config = json.load(file)
    teacher = read_tensors(os.path.join(options.teacher, "open_clip_model.safetensors"))
    with tempfile.TemporaryDirectory() as folder:
        pixels, rows = inputs(options, folder)
    os.makedirs(options.student, exist_ok=True)
    text = config["model_cfg"]["text_cfg"]
    texts = TextTower(teacher, known(rows, text), text["heads"], DROPPED)
    cosine = near(*texts.run(write_vocabulary(options.teacher, options.student, VOCABULARY)))
    print(f"{len(texts.ids)} captions: cosine with the teacher's {cosine:.3f}", flush=True)
    images = ImageTower(teacher, pixels)
    images.layers()
    print(f"{len(pixels)} pictures: cosine with the teacher's {near(*images.attention()):.3f}", flush=True)
    write_student(options.student, config, texts.new | images.new | {"logit_scale": teacher["logit_scale"]})


if __name__ == "__main__":
    main()
