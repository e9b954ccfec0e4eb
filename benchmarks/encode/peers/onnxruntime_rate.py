#!/usr/bin/env python3
"""ONNX Runtime on one encoder: onnxruntime_rate.py MODEL.onnx images|texts BATCH SECONDS THREADS

Prints one line of JSON: inputs a second in the best and in the median repetition, peak memory. Texts are rows of 77 ids, as
the reference pads them; how many of them are words does not change what is computed."""

import json
import resource
import statistics
import sys
import time

import numpy as np
import onnxruntime

path, kind, batch, seconds, threads = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), int(sys.argv[5])
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = threads
options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
random = np.random.default_rng(0)
if kind == "images":
    x = random.normal(0, 1, (batch, 3, 224, 224)).astype(np.float32)
else:
    x = np.zeros((batch, 77), np.int64)
    x[:, :11] = random.integers(1, 49000, (batch, 11))
    x[:, 11] = 49407
for _ in range(2):
    session.run(None, {"x": x})
times, begin = [], time.perf_counter()
while time.perf_counter() - begin < seconds or len(times) < 3:
    start = time.perf_counter()
    session.run(None, {"x": x})
    times.append(time.perf_counter() - start)
print(json.dumps({"best": batch / min(times), "median": batch / statistics.median(times),
                  "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
                  "version": onnxruntime.__version__}))
