#!/usr/bin/env python3
"""A training step of PyTorch: torch_step.py tiny|resnet|b32 BATCH THREADS SECONDS [f32|bf16] [eager]

The networks of benchmarks/encode/peers/clipmodel.py, compiled (torch.compile) unless `eager`, fused AdamW, fp32 or under autocast to bfloat16. Prints one line of JSON: samples a second
of the best and of the middle step, of the best in seconds of processor time, and the peak memory of the process."""

import json
import os
import resource
import statistics
import sys
import time

import torch

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "encode", "peers"))
from clipmodel import CLIP, RN50, Text, Vision

MODELS = {
    "tiny": (lambda: CLIP(Vision(256, 6, 4, 8, 64, 256), Text(256, 4, 4, 32, 8192, 256)), 64, 32, 8192),
    "resnet": (lambda: CLIP(RN50(32, (2, 2, 2, 2), 16, 256, 64), Text(192, 4, 3, 24, 6144, 256)), 64, 24, 6144),
    "b32": (lambda: CLIP(Vision(), Text()), 224, 77, 49408),
}


def main():
    name, batch, threads, seconds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    torch.set_flush_denormal(True)
    make, side, context, vocabulary = MODELS[name]
    model = make()
    run = model if "eager" in sys.argv else torch.compile(model)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5, betas=(0.9, 0.98), eps=1e-6, weight_decay=0.1, fused=True)
    images = torch.randn(batch, 3, side, side)
    texts = torch.randint(0, vocabulary - 2, (batch, context))
    texts[:, -1] = vocabulary - 1

    def step():
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled="bf16" in sys.argv):
            loss = run(images, texts)
        loss.backward()
        optimizer.step()

    for _ in range(2):
        step()
    wall, processor, begin = [], [], time.perf_counter()
    while time.perf_counter() - begin < seconds or len(wall) < 3:
        start, used = time.perf_counter(), time.process_time()
        step()
        wall.append(time.perf_counter() - start)
        processor.append(time.process_time() - used)
    print(json.dumps({"samples_per_second": batch / min(wall), "median": batch / statistics.median(wall),
                      "per_processor_second": batch / min(processor), "steps": len(wall),
                      "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "version": torch.__version__}))


if __name__ == "__main__":
    main()
