#!/usr/bin/env python3
"""Functions of at most 80 lines, files of at most 800.

A register-blocked kernel or a flat table may be longer if a comment says why: one that holds "long: <reason>", within
the function or right above it; for a file, within its first 40 lines.
"""

import re

from gate import blank, code_files, read, report

LONGEST_FUNCTION = 80
LONGEST_FILE = 800
REASON = re.compile(r"\blong: *\w")


def functions(text):
    """(name, first line, last line) of each function definition, lines counted from 1."""
    code = re.sub(r"^[ \t]*#(?:.*\\\n)*.*", lambda m: "\n" * m[0].count("\n"), blank(text), flags=re.M)
    code = re.sub(r'extern\s+"?\s*"?\s*\{', lambda m: " " * 0 + m[0].replace("{", ";"), code)
    depth, start, head, found = 0, None, 0, []
    for at, char in enumerate(code):
        if char == "{":
            if depth == 0:
                start = (head, at)
            depth += 1
        elif char == "}":
            depth = max(0, depth - 1)
            if depth == 0 and start:
                # The head is the last line that begins in the first column: macros above it are not part of it.
                begin = max([m.start() for m in re.finditer(r"^[A-Za-z_]", code[start[0]:start[1]], re.M)] or [0])
                signature = code[start[0] + begin:start[1]]
                name = re.search(r"([A-Za-z_]\w*)\s*\(", signature)
                if name and "=" not in signature.split("(")[0]:
                    first = start[0] + begin
                    found.append((name[1], code.count("\n", 0, first) + 1, code.count("\n", 0, at) + 1))
                start, head = None, at + 1
        elif char == ";" and depth == 0:
            head = at + 1
    return found


def has_reason(lines, first, last):
    """A reason within the function, or in the comment that ends right above it."""
    above = first - 1
    while above > 0 and lines[above - 1].strip() and not lines[above - 1].startswith("}"):
        above -= 1
    return any(REASON.search(line) for line in lines[above:last])


def check(name):
    text = read(name)
    lines = text.split("\n")
    problems = []
    if len(lines) - 1 > LONGEST_FILE and not any(REASON.search(line) for line in lines[:40]):
        problems.append(f"{name}: {len(lines) - 1} lines, more than {LONGEST_FILE}")
    for function, first, last in functions(text):
        length = last - first + 1
        if length > LONGEST_FUNCTION and not has_reason(lines, first, last):
            problems.append(f"{name}:{first}: {function} has {length} lines, more than {LONGEST_FUNCTION}")
    return problems


def main():
    problems = []
    for name in code_files():
        problems += check(name)
    report("check_lengths", problems)


main()
