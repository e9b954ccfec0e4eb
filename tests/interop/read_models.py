"""Lets the installed transformers and open_clip read what cclip wrote, and compares what both make of the same input.

    python read_models.py --cclip PROGRAM --tokenizer  [--vocab MERGES.txt.gz] [--lines DEV.jsonl]
    python read_models.py --cclip PROGRAM --converted MODELS
    python read_models.py --cclip PROGRAM --starter FOLDER [--sets EVAL] [--only SET ...]

MODELS is a folder that write_models.py filled. run.py does all of this in one go.
"""

import argparse
import io
import json
import os
import sys
import tarfile
import tempfile
import warnings

warnings.filterwarnings("ignore")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")

import numpy as np
import torch

import models
import small_vocabulary
from cclip_commands import Cclip
from report import Report


def load_case(folder):
    with open(os.path.join(folder, "case.json"), encoding="utf-8") as text:
        return json.load(text)


def largest_difference(got, want):
    if got.shape != want.shape:
        raise ValueError(f"shape {list(got.shape)}, expected {list(want.shape)}")
    return float(np.abs(got.astype(np.float64) - want).max())


# --------------------------------------------------------------------------------------------------- tokenizer

def acceptable(text):
    """A lone surrogate has no UTF-8 form: transformers refuses such a string."""
    try:
        text.encode("utf-8")
        return True
    except UnicodeEncodeError:
        return False


def read_lines(path):
    with open(path, encoding="utf-8") as lines:
        texts = [json.loads(line)["text"] for line in lines]
    return [text for text in texts if acceptable(text)]


def spread(texts, count):
    """`count` of the texts, evenly spread over all kinds of line."""
    return [texts[i * len(texts) // count] for i in range(min(count, len(texts)))]


def write_full_tokenizers(merge_list, folder):
    """The published vocabulary as tokenizer.json alone, and as vocab.json beside merges.txt. For tests only."""
    from write_models import clip_tokenizer
    tokenizer = clip_tokenizer(77, small_vocabulary.full(merge_list))
    one, two = os.path.join(folder, "tokenizer_json"), os.path.join(folder, "vocab_and_merges")
    tokenizer.save_pretrained(one)
    os.makedirs(two, exist_ok=True)
    tokenizer.backend_tokenizer.model.save(two)
    return tokenizer, one, two


def compare_ids(report, cclip, name, vocab, texts, want):
    def run():
        got = cclip.tokenize(vocab, texts)
        if len(got) != len(texts):
            return False, f"{len(got)} lines for {len(texts)} texts"
        wrong = [i for i, ids in enumerate(got) if ids != want[i]]
        if not wrong:
            return True, f"{len(texts)} texts equal"
        i = wrong[0]
        return False, f"{len(wrong)} of {len(texts)} differ, first {json.dumps(texts[i])[:60]}: {got[i][:8]} expected {want[i][:8]}"
    report.check(name, run)


def check_tokenizer(report, cclip, merge_list, lines):
    texts = read_lines(lines)
    with tempfile.TemporaryDirectory() as folder:
        tokenizer, one, two = write_full_tokenizers(merge_list, folder)
        some = spread(texts, 500)
        for what, vocab in (("tokenizer.json", one), ("vocab.json + merges.txt", two)):
            compare_ids(report, cclip, f"ids, {what}, 500 lines", vocab, some, [tokenizer(t)["input_ids"] for t in some])
        compare_ids(report, cclip, "ids, tokenizer.json, every line", one, texts, [tokenizer(t)["input_ids"] for t in texts])


def check_trained_vocabulary(report, cclip):
    """A vocabulary that cclip learned gives the same ids in transformers and in open_clip's wrapper of it."""
    from open_clip.tokenizer import HFTokenizer
    from transformers import AutoTokenizer, CLIPTokenizer
    texts = [text for text in small_vocabulary.TEXTS if acceptable(text)]
    with tempfile.TemporaryDirectory() as top:
        folder = os.path.join(top, "vocabulary")
        cclip.train_tokenizer(texts, 900, folder)
        for kind in (CLIPTokenizer, AutoTokenizer):
            tokenizer = kind.from_pretrained(folder)
            compare_ids(report, cclip, f"ids, trained vocabulary, {kind.__name__}", folder, texts,
                        [tokenizer(t)["input_ids"] for t in texts])
        context = 256
        wrapper = HFTokenizer(folder, context_length=context, clean="whitespace")
        rows = wrapper(texts).tolist()
        cleaned = [wrapper.clean_fn(text) for text in texts]
        lengths = [len(ids) for ids in cclip.tokenize(folder, cleaned)]
        compare_ids(report, cclip, "ids, trained vocabulary, open_clip's HFTokenizer", folder, cleaned,
                    [row[:length] for row, length in zip(rows, lengths)])


# --------------------------------------------------------------------------------------------------- converted

def load_strictly(folder, layout):
    """The model in `folder`, float32; raises if anything is missing, left over or of another shape."""
    if layout == "open_clip":
        import open_clip
        from open_clip.factory import load_checkpoint
        model = open_clip.create_model("local-dir:" + folder, load_weights=False)
        load_checkpoint(model, os.path.join(folder, "open_clip_model.safetensors"), strict=True)
        return model.float().eval()
    import transformers
    with open(os.path.join(folder, "config.json"), encoding="utf-8") as text:
        name = json.load(text)["architectures"][0]
    model, info = getattr(transformers, name).from_pretrained(folder, dtype=torch.float32, output_loading_info=True)
    left = {what: sorted(map(str, names)) for what, names in info.items() if names}
    if left:
        raise ValueError(f"not loaded strictly: {left}")
    return model.eval()


def family_of(layout):
    return "hf" if layout == "hf" else "open_clip"


def check_embeddings(folder, case, model, layout):
    image, text = (np.load(os.path.join(folder, name)) for name in ("image.npy", "tokens.npy"))
    rows = slice(None)
    if family_of(layout) != case["family"]:
        rows = slice(0, 3)          # the layouts pool a text without an end token differently
    got = models.embeddings(model, family_of(layout), image, text[rows])
    want = [np.load(os.path.join(folder, name)) for name in ("image_embeds_norm.npy", "text_embeds_norm.npy")]
    return largest_difference(got[0], want[0]), largest_difference(got[1], want[1][rows])


def check_preprocessing(folder, out, layout, model):
    """Mean and standard deviation arrive as they were."""
    if layout == "open_clip":
        mean, std = model.visual.preprocess_cfg["mean"], model.visual.preprocess_cfg["std"]
    else:
        from transformers import AutoImageProcessor
        processor = AutoImageProcessor.from_pretrained(out)
        mean, std = processor.image_mean, processor.image_std
    from write_models import MEAN, STD
    return np.allclose(mean, MEAN) and np.allclose(std, STD)


def has_own_preprocessing(folder):
    return any(os.path.exists(os.path.join(folder, name))
               for name in ("processor_config.json", "preprocessor_config.json", "open_clip_config.json"))


def check_same_ids(folder, out):
    from transformers import AutoTokenizer
    tokenizer = AutoTokenizer.from_pretrained(out)
    with open(os.path.join(folder, "tokenizer_cases.jsonl"), encoding="ascii") as lines:
        cases = [json.loads(line) for line in lines]
    return all(tokenizer(case["text"])["input_ids"] == case["ids"] for case in cases)


def check_one_conversion(cclip, folder, case, layout):
    with tempfile.TemporaryDirectory() as scratch:
        out = os.path.join(scratch, "converted")
        cclip.convert(os.path.normpath(os.path.join(folder, case["checkpoint"])), out, layout)
        model = load_strictly(out, layout)
        image, text = check_embeddings(folder, case, model, layout)
        good, said = max(image, text) <= case["tolerance"], f"image {image:.1e} text {text:.1e}"
        if has_own_preprocessing(folder) and not check_preprocessing(folder, out, layout, model):
            good, said = False, said + ", preprocessing differs"
        if "tokenizer_cases" in case and family_of(layout) == case["family"] and not check_same_ids(folder, out):
            good, said = False, said + ", token ids differ"
        return good, said


def check_converted(report, cclip, folders):
    for folder in folders:
        case = load_case(folder)
        for layout in case["convert_to"]:
            report.check(f"{case['case']} -> {layout}", lambda: check_one_conversion(cclip, folder, case, layout))


# ----------------------------------------------------------------------------------------------------- starter

def unpack(dataset, folder):
    """The pictures and labels of a WebDataset test split, in the order of its shards."""
    pictures, labels = [], {}
    shards = sorted(os.listdir(os.path.join(dataset, "test")))
    for shard in (name for name in shards if name.endswith(".tar")):
        with tarfile.open(os.path.join(dataset, "test", shard)) as tar:
            for member in tar:
                data = tar.extractfile(member).read()
                stem, kind = os.path.splitext(os.path.basename(member.name))
                if kind == ".cls":
                    labels[shard, stem] = int(data)
                    continue
                path = os.path.join(folder, f"{os.path.splitext(shard)[0]}-{stem}{kind}")
                with open(path, "wb") as out:
                    out.write(data)
                pictures.append(((shard, stem), path))
    return [path for _, path in pictures], np.array([labels[key] for key, _ in pictures])


def names_and_templates(dataset):
    def lines(name):
        with open(os.path.join(dataset, name), encoding="utf-8") as text:
            return [line.rstrip("\n") for line in text if line.strip()]
    return lines("classnames.txt"), lines("zeroshot_classification_templates.txt")


def unit(rows):
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def class_weights(embed, names, templates):
    """Mean over the templates of the normalised embeddings, normalised again."""
    texts = [template.replace("{c}", name).replace("{}", name) for name in names for template in templates]
    return unit(unit(embed(texts)).reshape(len(names), len(templates), -1).mean(axis=1))


def metrics(scores, labels):
    best = np.argsort(-scores, axis=1, kind="stable")[:, :5]
    hit = best == labels[:, None]
    recall = [hit[labels == c, 0].mean() for c in np.unique(labels)]
    return {"acc1": hit[:, 0].mean(), "acc5": hit.any(axis=1).mean(), "mean_per_class_recall": float(np.mean(recall))}


class OpenClipModel:
    """A folder read by open_clip, with the white background that the starter's configuration asks for."""

    def __init__(self, folder):
        import open_clip
        from open_clip.transform import PreprocessCfg, image_transform_v2
        self.model = load_strictly(folder, "open_clip")
        self.tokenizer = open_clip.get_tokenizer("local-dir:" + folder)
        self.transform = image_transform_v2(PreprocessCfg(**self.model.visual.preprocess_cfg), is_train=False)

    def picture(self, path):
        from PIL import Image
        picture = Image.open(path)
        if "A" in picture.getbands() or "transparency" in picture.info:
            picture = picture.convert("RGBA")
            picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")
        return self.transform(picture)

    def _in_batches(self, items, encode):
        with torch.no_grad():
            return np.concatenate([encode(items[i:i + 64]).numpy() for i in range(0, len(items), 64)])

    def embed_images(self, paths):
        return unit(self._in_batches(paths, lambda some: self.model.encode_image(torch.stack([self.picture(p) for p in some]))))

    def embed_texts(self, texts):
        return unit(self._in_batches(texts, lambda some: self.model.encode_text(self.tokenizer(some))))


def write_text(path, lines):
    with open(path, "w", encoding="utf-8") as out:
        out.write("".join(line + "\n" for line in lines))
    return path


def cclip_scores(cclip, folder, pictures, names, templates, scratch):
    def embed(texts):
        return cclip.embed_texts(folder, write_text(os.path.join(scratch, "texts.txt"), texts))
    rows = cclip.embed_images(folder, write_text(os.path.join(scratch, "pictures.txt"), pictures))
    return rows @ class_weights(embed, names, templates).T


def check_one_set(report, cclip, folder, model, dataset):
    name = os.path.basename(os.path.normpath(dataset))
    with tempfile.TemporaryDirectory() as scratch:
        pictures, labels = unpack(dataset, scratch)
        names, templates = names_and_templates(dataset)
        scores = model.embed_images(pictures) @ class_weights(model.embed_texts, names, templates).T
        want = metrics(scores, labels)
        small = 2 / len(labels) + 1e-6

        def predictions():
            got = cclip_scores(cclip, folder, pictures, names, templates, scratch)
            other = np.flatnonzero(got.argmax(axis=1) != scores.argmax(axis=1))
            return len(other) <= 2, f"{len(other)} of {len(labels)} predictions differ, scores {np.abs(got - scores).max():.1e}"

        def evaluated():
            got = cclip.evaluate(folder, dataset)
            off = {key: abs(got[key] - want[key]) for key in want}
            said = ", ".join(f"{key} {got[key]:.4f} ({want[key]:.4f})" for key in want)
            return off["acc1"] <= small and off["acc5"] <= small and off["mean_per_class_recall"] <= 0.005, said

        report.check(f"starter, {name}: predictions", predictions)
        report.check(f"starter, {name}: evaluate (open_clip)", evaluated)


def check_starter(report, cclip, folder, sets, only=None):
    """The starter read by open_clip and by cclip: as it is, and as cclip rewrites it."""
    model = OpenClipModel(folder)

    def rewritten():
        with tempfile.TemporaryDirectory() as scratch:
            out = os.path.join(scratch, "starter")
            cclip.convert(folder, out, "open_clip")
            again = load_strictly(out, "open_clip").state_dict()
        before = model.model.state_dict()
        same = list(again) == list(before) and all(torch.equal(again[name], value) for name, value in before.items())
        return same, f"{len(before)} tensors compared bit for bit"

    report.check("starter -> open_clip", rewritten)
    for name in sorted(os.listdir(sets)):
        if os.path.isdir(os.path.join(sets, name)) and (not only or name in only):
            check_one_set(report, cclip, folder, model, os.path.join(sets, name))


# --------------------------------------------------------------------------------------------------------- all

def main():
    shared = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "shared")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cclip", required=True)
    parser.add_argument("--tokenizer", action="store_true")
    parser.add_argument("--vocab", default=os.path.join(shared, "vocab", "bpe_simple_vocab_16e6.txt.gz"))
    parser.add_argument("--lines", default=os.path.join(shared, "golden", "tokenizer", "dev.jsonl"))
    parser.add_argument("--converted", metavar="MODELS")
    parser.add_argument("--starter", metavar="FOLDER")
    parser.add_argument("--sets", default=os.path.join(shared, "starter", "eval"))
    parser.add_argument("--only", nargs="*")
    options = parser.parse_args()
    report, cclip = Report(), Cclip(options.cclip)
    if options.tokenizer:
        check_tokenizer(report, cclip, options.vocab, options.lines)
    if options.converted:
        check_converted(report, cclip, [os.path.join(options.converted, name) for name in sorted(os.listdir(options.converted))
                                        if os.path.exists(os.path.join(options.converted, name, "case.json"))])
    if options.starter:
        check_starter(report, cclip, options.starter, options.sets, options.only)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
