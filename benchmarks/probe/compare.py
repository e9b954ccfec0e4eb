#!/usr/bin/env python3
"""cclip's linear probe beside scikit-learn's LogisticRegression, in turns, on the same arrays and threads.

    python3 benchmarks/probe/compare.py build/benchmarks/probe/bench_probe [--samples 5000 --dim 512 --classes 100]

Features are made: a direction a class in a low-dimensional space, noise, a common mean, each row of length 1, as
normalised embeddings are. Objectives are computed here, in float64, from both results. scikit-learn is run with its
defaults but for max_iter (1000), and once more with a tolerance as tight as cclip's. Its times are taken on float32
features, the faster ones."""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--samples", type=int, default=5000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--classes", type=int, default=100)
    parser.add_argument("--c", type=float, nargs="+", default=[0.316, 10, 316, 10000])
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--turns", type=int, default=3)
    return parser.parse_args()


A = arguments()
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = str(A.threads)

import numpy as np  # noqa: E402
import sklearn  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402


def features(seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(A.samples) % A.classes)
    basis = rng.normal(size=(64, A.dim))
    centres = rng.normal(size=(A.classes, 64)) @ basis / 64
    rows = centres[labels] + rng.normal(size=(A.samples, 64)) @ basis / 40 + 0.15 * rng.normal(size=(A.samples, A.dim))
    rows += rng.normal(size=A.dim)  # embeddings of one tower share a large mean
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows.astype(np.float32), labels.astype(np.int64)


def objective(x, y, weight, bias, c):
    logits = x.astype(np.float64) @ weight.T.astype(np.float64) + bias.astype(np.float64)
    logits -= logits.max(axis=1, keepdims=True)
    losses = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(y)), y]
    return c * losses.sum() + 0.5 * (weight.astype(np.float64) ** 2).sum()


def run_cclip(folder, x, y, c):
    paths = [os.path.join(folder, n) for n in ("x.npy", "y.npy", "weight.npy", "bias.npy")]
    text = subprocess.run([A.program, *paths[:2], str(A.classes), str(c), str(A.threads), *paths[2:]], check=True,
                          capture_output=True, text=True).stdout
    result = json.loads(text)
    return result["seconds"], result["iterations"], objective(x, y, np.load(paths[2]), np.load(paths[3]), c)


def run_sklearn(x, y, c, tolerance):
    start = time.perf_counter()
    model = LogisticRegression(C=c, max_iter=1000, tol=tolerance).fit(x, y)
    seconds = time.perf_counter() - start
    return seconds, int(model.n_iter_[0]), objective(x, y, model.coef_, model.intercept_, c)


def main():
    x, y = features()
    print(f"scikit-learn {sklearn.__version__}, numpy {np.__version__}; {A.samples} x {A.dim}, {A.classes} classes, "
          f"{A.threads} threads, best of {A.turns} turns")
    print("| C | | seconds | iterations | objective | scikit-learn's time / cclip's |\n| --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        np.save(os.path.join(folder, "x.npy"), x)
        np.save(os.path.join(folder, "y.npy"), y)
        for c in A.c:
            kinds = {"cclip": lambda: run_cclip(folder, x, y, c),
                     "scikit-learn, defaults": lambda: run_sklearn(x, y, c, 1e-4),
                     "scikit-learn, tol 1e-6": lambda: run_sklearn(x, y, c, 1e-6)}
            best = {}
            for _ in range(A.turns):
                for name, run in kinds.items():
                    result = run()
                    best[name] = min(best.get(name, result), result)
            for name, (seconds, iterations, value) in best.items():
                print(f"| {c:g} | {name} | {seconds:.3f} | {iterations} | {value:.6f} | "
                      f"{seconds / best['cclip'][0]:.2f} |")
                sys.stdout.flush()


main()
