"""What the gates share: which files there are, and C text without its comments and strings."""

import os
import subprocess
import sys

ROOT = os.environ.get("CCLIP_GATE_ROOT") or os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# Folders of code, and the kinds of file in them that the rules speak of.
CODE_FOLDERS = ("src", "include", "cli", "server", "tests", "benchmarks", "examples")
CODE_SUFFIXES = (".c", ".h", ".cc", ".cu", ".inc")


def files():
    """Every file of the project, as paths below the root: what git knows or would add."""
    try:
        listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT,
                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout
        names = [os.fsdecode(name) for name in listed.split(b"\0") if name]
    except (OSError, subprocess.CalledProcessError):  # an unpacked archive
        names = []
        for folder, folders, plain in os.walk(ROOT):
            folders[:] = [name for name in folders if not name.startswith((".git", "build"))]
            names += [os.path.relpath(os.path.join(folder, name), ROOT) for name in plain]
    return sorted(name for name in set(names) if os.path.isfile(os.path.join(ROOT, name)))


def code_files(folders=CODE_FOLDERS):
    return [name for name in files() if name.split("/")[0] in folders and name.endswith(CODE_SUFFIXES)]


def read(name):
    with open(os.path.join(ROOT, name), encoding="utf-8", errors="surrogateescape", newline="") as file:
        return file.read()


def _end_of_quoted(text, start):
    quote, at = text[start], start + 1
    while at < len(text) and text[at] not in (quote, "\n"):
        at += 2 if text[at] == "\\" else 1
    return min(at + 1, len(text))


def blank(text):
    """The same text with comments and the insides of strings turned to spaces; lines stay lines."""
    out, at = [], 0
    while at < len(text):
        if text.startswith("/*", at):
            end = text.find("*/", at + 2)
            end = len(text) if end < 0 else end + 2
        elif text.startswith("//", at):
            end = text.find("\n", at)
            end = len(text) if end < 0 else end
        elif text[at] in "\"'":
            end = _end_of_quoted(text, at)
        else:
            out.append(text[at])
            at += 1
            continue
        out.append("".join("\n" if c == "\n" else " " for c in text[at:end]))
        at = end
    return "".join(out)


def report(gate, problems):
    """Prints the problems, one a line, and ends the program: status 1 if there are any."""
    for problem in problems:
        print(problem)
    print(f"{gate}: {len(problems)} problem{'' if len(problems) == 1 else 's'}")
    sys.exit(1 if problems else 0)
