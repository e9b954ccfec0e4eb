#!/usr/bin/env python3
"""Text files: no trailing white space, a newline at the end, no carriage returns, no invisible or bidirectional
characters that could hide what the code says; in code no tabs and no line over 120 columns."""

import re

from gate import CODE_SUFFIXES, files, read, report

LEFT_ALONE = ("tests/data/", "tests/fuzz/corpora/", "share/model/", "share/demo/pictures/", "LICENSE")
TEXT = CODE_SUFFIXES + (".md", ".txt", ".cmake", ".py", ".sh", ".json", ".in", ".awk", ".tsv", "Makefile", ".ci/run")
TABS_ALLOWED = (".tsv", "Makefile", ".sh")
WIDEST = 120  # the formatter aims at 100; a table may need a little more
INVISIBLE = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff\u00ad]")


def check(name):
    text = read(name)
    problems = []
    if not text:
        return problems
    if not text.endswith("\n"):
        problems.append(f"{name}: no newline at the end")
    if text.endswith("\n\n"):
        problems.append(f"{name}: empty lines at the end")
    for number, line in enumerate(text.split("\n"), 1):
        where = f"{name}:{number}: "
        if "\r" in line:
            problems.append(where + "carriage return")
        if line != line.rstrip() and not name.endswith(".tsv"):
            problems.append(where + "white space at the end")
        if "\t" in line and not name.endswith(TABS_ALLOWED):
            problems.append(where + "tab")
        if INVISIBLE.search(line):
            problems.append(where + "invisible character")
        if len(line) > WIDEST and name.endswith(CODE_SUFFIXES):
            problems.append(where + f"{len(line)} columns, more than {WIDEST}")
    return problems


def main():
    problems = []
    for name in files():
        if name.endswith(TEXT) and not name.startswith(LEFT_ALONE):
            problems += check(name)
    report("check_whitespace", problems)


main()
