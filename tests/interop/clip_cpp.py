"""cclip beside clip.cpp: what clip.cpp's users report, measured on both and on the reference.

    python clip_cpp.py --cclip build/cclip [--library build/lib/libcclip.so] [--asks 1,4] [--markdown] [--folder F]

Needs numpy, pillow and clip_cpp (PyPI; x86-64 Linux), and the folder `shared` for golden data, vocabulary and photographs.
Writes models by formula, 4.5 GB with ViT-H/14 (ask 6), in a temporary folder or in --folder, where they are found again.
docs/clip_cpp.md explains the rows. The exit status is 0 only if cclip gives the reference's result in each; how clip.cpp fares
does not count.
"""

import argparse
import os
import sys
import tempfile
import time

import numpy as np

import clip_cpp_asks
import clip_cpp_library
import gguf_by_formula as gguf
import numpy_clip
import small_vocabulary
from cclip_commands import Cclip

HERE = os.path.dirname(os.path.abspath(__file__))
SMALL_ASKS = ("1", "3", "5", "13b")     # about 1.5 GB and a minute or two


def installed():
    return clip_cpp_library.installed()


def places(shared):
    """Folders of vocabulary, golden data and starter."""
    return (os.environ.get("CCLIP_VOCAB") or os.path.join(shared, "vocab"), os.environ.get("CCLIP_GOLDEN") or os.path.join(shared, "golden"),
            os.path.join(shared, "starter"))


def inputs_there(shared):
    return all(map(os.path.exists, places(shared)))


def check_reference(bench):
    """The reference used here gives the golden figures."""
    folder = os.path.join(bench.golden, "models", "fullsize", "ViT-B-32")
    model = clip_cpp_asks.Bench.MODELS["ViT-B-32"]
    shapes = {name: shape for name, shape, *_ in gguf.tensors(model, len(bench.tokens))}

    class Formula:
        def __getitem__(self, name):
            return gguf.formula.tensor(name, shapes[name])
    image = numpy_clip.images(model, Formula(), bench.pixels(1)[0])
    rows = [row[:row.tolist().index(numpy_clip.END) + 1] for row in np.load(os.path.join(folder, "tokens.npy"))]
    text = np.stack([numpy_clip.text(model, Formula(), row) for row in rows])
    off = [clip_cpp_asks.largest(numpy_clip.normalise(got), np.load(os.path.join(folder, kind + "_embeds_norm.npy")))
           for got, kind in ((image, "image"), (text, "text"))]
    plain = [line for line in bench.lines() if bench.tokenizer.plain(line["text"])]
    wrong = sum(bench.tokenizer(line["text"])[1:-1] != line["ids"] for line in plain)
    pictures = bench.pictures().values()
    other = sum(not np.array_equal(numpy_clip.preprocess(path, 224, gguf.MEAN, gguf.STD), clip_cpp_asks.normalised(u8)) for path, u8 in pictures)
    print(f"reference: towers within {max(off):.0e} of the golden ViT-B/32; {len(plain) - wrong} of {len(plain)} plain texts and "
          f"{len(pictures) - other} of {len(pictures)} pictures as golden", flush=True)
    return max(off) <= 1e-5 and not wrong


def check_writer(bench):
    """The files written here are clip.cpp's: the same model as the golden file, tensor for tensor."""
    model = gguf.Model("hf_vit_tiny", gguf.Tower(64, 2, 1), gguf.Tower(64, 2, 1), 8, 32, size=32, type=gguf.F16)
    path = os.path.join(bench.folder, "tiny.gguf")
    golden = os.path.join(bench.golden, "models", "hf_vit_tiny", "gguf", "model_f16.gguf")
    gguf.write(path, model, [f"<{i}>" for i in range(600)])
    mine, theirs = gguf.read_tensors(path), gguf.read_tensors(golden)
    print(f"writer: {sum(mine[name] == theirs.get(name) for name in mine)} of {len(theirs)} tensors as in {os.path.basename(golden)}", flush=True)
    return mine == theirs


def as_markdown(rows):
    yield "| ask | measured | clip.cpp | cclip | reference | verdict |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for row in rows:
        yield f"| {row.ask} | {row.what} | {row.clip_cpp} | {row.cclip} | {row.reference} | {row.verdict} |"


def show(row):
    print(f"\nask {row.ask}: {row.what}")
    for who, said in (("clip.cpp", row.clip_cpp), ("cclip", row.cclip), ("reference", row.reference)):
        print(f"  {who:9}  {said}")
    print(f"  {row.verdict}", flush=True)


def compare(bench, asks):
    """All rows, printed as they come."""
    print(f"clip_cpp {clip_cpp_library.version()} (PyPI), {bench.cclip.version()}", flush=True)
    if not (check_writer(bench) and check_reference(bench)):
        raise SystemExit("the reference itself is not right: nothing is compared")
    rows = []
    for ask in asks:
        begin = time.monotonic()
        for row in rows_of(bench, ask):
            rows.append(row)
            show(row)
        print(f"  ({time.monotonic() - begin:.0f} s)", flush=True)
    return rows


def make_bench(cclip, library, shared, folder):
    from cclip_library import CclipLibrary
    vocab, golden, starter = places(shared)
    vocabulary, merges = small_vocabulary.full(os.path.join(vocab, "bpe_simple_vocab_16e6.txt.gz"))
    beside = os.path.join(os.path.dirname(cclip.program), "lib", "libcclip.so")
    library = library or (beside if os.path.exists(beside) else None)
    return clip_cpp_asks.Bench(cclip, CclipLibrary(library) if library else None, golden, starter, vocabulary, merges, folder)


def rows_of(bench, ask):
    return clip_cpp_asks.ASKS[ask](bench)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cclip", required=True, help="the program to test")
    parser.add_argument("--library", help="libcclip.so, for the rows with two models and two threads (default: lib/ beside the program)")
    parser.add_argument("--asks", default=",".join(clip_cpp_asks.ASKS), help="default: %(default)s")
    parser.add_argument("--shared", default=os.path.join(HERE, "..", "..", "..", "shared"))
    parser.add_argument("--folder", help="keep the models there")
    parser.add_argument("--markdown", action="store_true", help="print the table of docs/clip_cpp.md at the end")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        bench = make_bench(Cclip(options.cclip), options.library, os.path.normpath(options.shared), options.folder or scratch)
        rows = compare(bench, options.asks.split(","))
    if options.markdown:
        print("\n" + "\n".join(as_markdown(rows)))
    wrong = sum(not row.right for row in rows)
    print(f"\n{len(rows)} rows: clip.cpp fails in {sum(row.fails for row in rows)}, cclip in {wrong}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
