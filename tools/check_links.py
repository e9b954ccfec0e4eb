#!/usr/bin/env python3
"""Every relative link in a Markdown page leads to a file that is there."""

import os
import re

from gate import ROOT, files, read, report

LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)\s]*)?\)")


def main():
    problems = []
    for name in files():
        if not name.endswith(".md") or name.startswith("tests/data/"):
            continue
        text = re.sub(r"```.*?```|`[^`\n]*`", lambda m: "\n" * m[0].count("\n"), read(name), flags=re.S)
        for match in LINK.finditer(text):
            target = match[1]
            if "://" in target or target.startswith("mailto:"):
                continue
            if not os.path.exists(os.path.join(ROOT, os.path.dirname(name), target)):
                problems.append(f"{name}:{text.count(chr(10), 0, match.start()) + 1}: {target} is not there")
    report("check_links", problems)


main()
