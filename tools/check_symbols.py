#!/usr/bin/env python3
"""What the libraries call themselves. Usage: check_symbols.py libcclip.a libcclip.so

Static: every global symbol begins with cclip_, and none of ours is missing. Shared: what it exports is exactly what the
public headers declare with CCLIP_API.
"""

import glob
import os
import re
import subprocess
import sys

from gate import ROOT, blank, report


def nm(*arguments):
    out = subprocess.run(["nm", "-P", *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout
    for line in out.decode().splitlines():
        fields = line.split()
        if len(fields) >= 2 and len(fields[1]) == 1:
            yield fields[0].split("@")[0], fields[1]


def declared():
    """The functions and variables that the public headers declare with CCLIP_API."""
    names = set()
    for header in sorted(glob.glob(os.path.join(ROOT, "include/cclip/*.h"))):
        with open(header, encoding="utf-8") as file:
            code = re.sub(r"^[ \t]*#(?:.*\\\n)*.*", "", blank(file.read()), flags=re.M)
        for match in re.finditer(r"\bCCLIP_API\b([^;{]*)", code):
            name = re.search(r"(\w+)\s*\(", match[1]) or re.search(r"(\w+)\s*(?:\[[^]]*\])?\s*$", match[1])
            names.add(name[1])
    return names


def main():
    static, shared = sys.argv[1:3]
    problems = []
    defined, wanted = set(), set()
    for name, kind in nm("-g", static):
        if kind in "Uwv":
            wanted.add(name)
            continue
        defined.add(name)
        if not name.startswith("cclip_"):
            problems.append(f"{static}: {name} does not begin with cclip_")
    for name in sorted(wanted - defined):
        if name.startswith("cclip_"):
            problems.append(f"{static}: {name} is used but not in the archive")
    public = declared()
    exported = {name for name, kind in nm("-g", "-D", "--defined-only", shared)}
    problems += [f"{shared}: {name} is exported, but no public header declares it" for name in sorted(exported - public)]
    problems += [f"{shared}: {name} is declared in a public header, but not exported" for name in sorted(public - exported)]
    report("check_symbols", problems)


main()
