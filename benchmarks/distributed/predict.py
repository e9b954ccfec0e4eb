#!/usr/bin/env python3
"""Measured and predicted step times of run.sh. Usage: predict.py LOGS RATE...   (Mbit/s; LOGS/RATE and LOGS/none)

The model has three numbers that are measured: the step without a limit T, the bytes that a rank sends B, and the window W
between the first bucket of gradients and the end of the backward pass. W comes from the slowest rate alone, where the
sums are the bottleneck; the other rates are predicted:

    step = T - W + max(W, C),   C = B / rate,   hidden = min(C, W) / C
"""

import json
import statistics
import sys

PAYLOAD = 1448 / 1514  # of a frame on the wire: the rest is Ethernet, IP and TCP


def figures(path):
    lines = [json.loads(line) for line in open(f"{path}/metrics.jsonl")][2:]
    return {key: statistics.median(line[key] for line in lines)
            for key in ("step_seconds", "exchange_seconds", "exchange_waited", "exchange_bytes")}


def main():
    logs, rates = sys.argv[1], sorted(map(float, sys.argv[2:]), reverse=True)
    free = figures(f"{logs}/none")
    measured = {rate: figures(f"{logs}/{rate:g}") for rate in rates}
    sending = {rate: free["exchange_bytes"] * 8 / (rate * 1e6 * PAYLOAD) for rate in rates}
    compute = free["step_seconds"]
    window = compute + sending[rates[-1]] - measured[rates[-1]]["step_seconds"]
    print(f"without a limit: {compute:.3f} s a step; {free['exchange_bytes'] / 1e6:.1f} MB a rank and step; window {window:.3f} s")
    print(f"{'Mbit/s':>8} {'sending':>8} {'step':>8} {'predicted':>10} {'off':>7} {'hidden':>8} {'predicted':>10}")
    for rate in rates:
        m, c = measured[rate], sending[rate]
        step = compute - window + max(window, c)
        hidden = 1 - m["exchange_waited"] / m["exchange_seconds"]
        print(f"{rate:8g} {c:8.3f} {m['step_seconds']:8.3f} {step:10.3f} {100 * (step / m['step_seconds'] - 1):6.1f}% "
              f"{100 * hidden:7.0f}% {100 * min(c, window) / c:9.0f}%{'  (calibration)' if rate == rates[-1] else ''}")


main()
