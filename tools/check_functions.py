#!/usr/bin/env python3
"""Functions of the C library that have no place here: unsafe ones anywhere, and in the library also those that print,
end the process or go past base/memory.h. A line with a comment "allowed: <reason>" is let through."""

import re

from gate import blank, code_files, read, report

NOWHERE = "gets sprintf vsprintf strcpy strcat strncpy strncat strtok atoi atol atof alloca tmpnam mktemp system popen"
NOT_IN_LIBRARY = "printf vprintf puts putchar perror exit _exit _Exit abort quick_exit assert_perror setenv putenv"
NOT_PAST_MEMORY = "malloc calloc realloc reallocarray strdup strndup aligned_alloc posix_memalign asprintf vasprintf"
STREAMS = re.compile(r"\b(stdout|stderr)\b")
MEMORY = "src/base/memory.c"


def calls(names):
    return re.compile(r"(?<![\w.>])(" + "|".join(names.split()) + r")\s*\(")


RULES = [
    (calls(NOWHERE), lambda name: True, "is unsafe: use its bounded or checked relative"),
    (calls(NOT_IN_LIBRARY), lambda name: name.startswith("src/"), "prints or ends the process: the library does neither"),
    (STREAMS, lambda name: name.startswith("src/"), "prints: the library does not"),
    (calls(NOT_PAST_MEMORY), lambda name: name.startswith("src/") and name != MEMORY, "goes past base/memory.h"),
]


def check(name):
    text = read(name)
    lines = text.split("\n")
    problems = []
    for number, line in enumerate(blank(text).split("\n"), 1):
        if "allowed: " in lines[number - 1] or line.lstrip().startswith("#"):
            continue
        for pattern, applies, why in RULES:
            match = pattern.search(line)
            if match and applies(name):
                problems.append(f"{name}:{number}: {match[1]} {why}")
    return problems


def main():
    problems = []
    for name in code_files(("src", "cli", "server", "include", "examples", "benchmarks")):
        problems += check(name)
    report("check_functions", problems)


main()
