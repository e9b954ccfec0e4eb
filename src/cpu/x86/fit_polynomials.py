#!/usr/bin/env python3
"""Makes the polynomials of math_avx2.h and math_avx512.h: prints coefficients, lowest power first,
and the largest relative error in exact arithmetic. Remez exchange in double precision.

  exp2: 2^f for f in [-1/2, 1/2]
  tail: Q(t) exp(t^2 / 2) for t >= 0 as a polynomial in u = 1 / (1 + P t), where Q(t) is the upper
        tail of the normal distribution, erfc(t / sqrt 2) / 2
"""
import math
import struct

P = 0.28125


def solve(matrix, right):
    n = len(right)
    rows = [list(matrix[i]) + [right[i]] for i in range(n)]
    for c in range(n):
        pivot = max(range(c, n), key=lambda r: abs(rows[r][c]))
        rows[c], rows[pivot] = rows[pivot], rows[c]
        for r in range(n):
            if r != c:
                factor = rows[r][c] / rows[c][c]
                rows[r] = [a - factor * b for a, b in zip(rows[r], rows[c])]
    return [rows[i][n] / rows[i][i] for i in range(n)]


def value(coefficients, x):
    total = 0.0
    for c in reversed(coefficients):
        total = total * x + c
    return total


def remez(function, low, high, powers, rounds=30):
    """Minimax relative error; the polynomial has the given powers."""
    n = len(powers)
    middle, half = (low + high) / 2, (high - low) / 2
    points = [middle - half * math.cos(math.pi * i / n) for i in range(n + 1)]
    grid = [middle - half * math.cos(math.pi * i / 4000) for i in range(4001)]
    truth = [function(x) for x in grid]
    for _ in range(rounds):
        matrix = [[x ** p / function(x) for p in powers] + [(-1) ** i] for i, x in enumerate(points)]
        solution = solve(matrix, [1.0] * (n + 1))
        coefficients = [0.0] * (max(powers) + 1)
        for p, c in zip(powers, solution):
            coefficients[p] = c
        errors = [value(coefficients, x) / y - 1 for x, y in zip(grid, truth)]
        extrema, best = [], 0
        for i in range(1, len(grid)):  # largest error of each sign run
            if errors[i] * errors[best] < 0:
                extrema.append(best)
                best = i
            elif abs(errors[i]) > abs(errors[best]):
                best = i
        extrema.append(best)
        while len(extrema) > n + 1:
            extrema.pop(0 if abs(errors[extrema[0]]) < abs(errors[extrema[-1]]) else -1)
        if len(extrema) < n + 1:
            break
        points = [grid[i] for i in extrema]
    return coefficients, max(abs(e) for e in errors)


def single(x):
    return struct.unpack("f", struct.pack("f", x))[0]


def show(name, coefficients, error):
    print(f"{name}: error {error:.2e}")
    print("  " + ", ".join(f"{single(c):.9g}f" for c in coefficients))


def tail(u):
    t = (1 / u - 1) / P
    return 0.5 * math.erfc(t / math.sqrt(2)) * math.exp(t * t / 2)


if __name__ == "__main__":
    show("exp2 degree 5", *remez(lambda f: 2.0 ** f, -0.5, 0.5, range(6)))
    show("exp2 degree 6", *remez(lambda f: 2.0 ** f, -0.5, 0.5, range(7)))
    for degree in range(6, 11):
        show(f"tail degree {degree}", *remez(tail, 1 / (1 + P * 14), 1.0, range(1, degree + 1)))
