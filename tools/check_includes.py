#!/usr/bin/env python3
"""Who may include whom: the table of docs/architecture.md, held against every #include in the project.

A room includes itself and the rooms in its row, with all that those may include in turn. The rooms in CPU_USERS may
include cpu/ too, and that does not pass on. A header of a system library belongs to one room. Tests, benchmarks and
examples are free. Also: the USES of src/CMakeLists.txt must say the same as the table.
"""

import re

from gate import code_files, read, report

ROOMS = {
    "base": [],
    "formats": ["base"],
    "tensor": ["base"],
    "cpu": ["tensor"],
    "cuda": ["tensor"],
    "image": [],  # and cpu, see CPU_USERS
    "text": ["formats"],
    "checkpoint": ["formats", "tensor"],
    "nn": ["tensor"],
    "models": ["nn", "checkpoint", "text", "image"],
    "zero_shot": ["models"],
    "data": ["image", "text", "tensor"],
    "distributed": ["tensor"],
    "train": ["models", "data", "distributed"],
    "search": ["formats"],  # and cpu
    "evaluate": ["zero_shot", "data", "search"],
    "curate": ["zero_shot", "data", "search"],
    "collection": ["zero_shot", "search"],
    "explain": ["models"],
    "report": ["image", "formats"],
    "hub": ["formats"],
}
ROOMS["api"] = [room for room in ROOMS if room != "cpu"]  # all of src
CPU_USERS = ("image", "search", "api")

# The folders beside src/ that have rules: what they may include of src/, and of each other.
PROGRAMS = {"cli": (["base", "formats"], ["cli", "server"]), "server": (["base", "formats"], ["server"])}

# Headers of the C library and POSIX, which every room may use.
PLAIN = set("""assert.h ctype.h errno.h float.h inttypes.h limits.h locale.h math.h setjmp.h signal.h stdalign.h
    stdarg.h stdatomic.h stdbool.h stddef.h stdint.h stdio.h stdlib.h string.h strings.h time.h wchar.h
    dirent.h fcntl.h fnmatch.h ftw.h getopt.h glob.h langinfo.h poll.h pthread.h pwd.h sched.h spawn.h termios.h unistd.h
    sys/file.h sys/ioctl.h sys/mman.h sys/resource.h sys/stat.h sys/statvfs.h sys/time.h sys/types.h sys/uio.h sys/utsname.h sys/wait.h
    netdb.h netinet/in.h netinet/tcp.h arpa/inet.h sys/socket.h sys/un.h sys/inotify.h sys/sendfile.h""".split())

# Everything else: pattern of the header, and the one room (or program) that may include it. The compiler's own headers
# for instructions are for cpu/, and for the pause of a waiting thread in base/.
SYSTEM = [
    (r"cpuid\.h|sys/auxv\.h|asm/hwcap\.h|linux/futex\.h|sys/syscall\.h", "base"),
    (r"(imm|x86|emm|smm|nmm|tmm|pmm|xmm)intrin\.h|arm_(neon|fp16|bf16|acle)\.h", "cpu base"),
    (r"jansson\.h|zlib\.h|archive(_entry)?\.h|parquet.*", "formats"),
    (r"utf8proc\.h", "text"),
    (r"jpeglib\.h|jerror\.h|turbojpeg\.h|png\.h|webp/.*|gif_lib\.h|tiff(io)?\.h|libheif/.*|librsvg/.*|cairo.*|glib.*|gio/.*"
     r"|libexif/.*", "image"),
    (r"cuda.*|cublas.*|cudnn.*", "cuda"),
    (r"mpi\.h|nccl\.h|dlfcn\.h", "distributed"),
    (r"sqlite3\.h|libpq-fe\.h", "collection"),
    (r"curl/.*", "hub"),
    (r"microhttpd\.h|gnutls/.*", "server"),
]

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.M)


def closure(room, seen=None):
    """The room and all that its row allows, without the extra right to cpu/."""
    seen = set() if seen is None else seen
    if room not in seen:
        seen.add(room)
        for used in ROOMS[room]:
            closure(used, seen)
    return seen


def allowed(room):
    rooms = closure(room)
    for user in CPU_USERS:  # what cpu stands on is open to those who may use it, and to those above them
        if user in rooms:
            rooms = rooms | (closure("cpu") - {"cpu"})
    return rooms | {"cpu"} if room in CPU_USERS else rooms


def problem_with(owner, open_rooms, beside, form, header):
    """Why `owner` may not include `header`; None if it may."""
    top = header.split("/")[0]
    if top == "cclip" and "/" in header:
        return None if form == "<" else "public headers are included as <cclip/...>"
    if form == "<":
        if header in PLAIN:
            return None
        for pattern, home in SYSTEM:
            if re.fullmatch(pattern, header):
                return None if owner in home.split() else f"<{header}> belongs to {home}/"
        return f"<{header}> is not in the table of tools/check_includes.py"
    if top in ROOMS and "/" in header:
        return None if top in open_rooms else f"{owner}/ may not include {top}/"
    if top in beside or "/" not in header and beside:
        return None
    return f'"{header}": write the path from src/'


def check_file(name):
    parts = name.split("/")
    if parts[0] == "include":
        owner, open_rooms, beside = "include", set(), ()
    elif parts[0] in PROGRAMS:
        owner, (rooms, beside) = parts[0], PROGRAMS[parts[0]]
        open_rooms = set(rooms)
    elif parts[1] not in ROOMS:
        return [f"{name}:1: src/{parts[1]} is no room of tools/check_includes.py"]
    else:
        owner, beside = parts[1], ()
        open_rooms = allowed(owner)
    text = read(name)
    problems = []
    for match in INCLUDE.finditer(text):
        problem = problem_with(owner, open_rooms, beside, match[1], match[2])
        if problem:
            problems.append(f"{name}:{text.count(chr(10), 0, match.start(2)) + 1}: {problem}")
    return problems


def check_cmake():
    problems = []
    for match in re.finditer(r"^cclip_room\((\w+)(?: USES ([a-z_ ]+?))?(?: LIBRARIES [^)]*)?\)", read("src/CMakeLists.txt"),
                             re.M):
        room, uses = match[1], (match[2] or "").split()
        if room not in ROOMS:
            problems.append(f"src/CMakeLists.txt: {room} is no room of tools/check_includes.py")
            continue
        for used in uses:
            if used not in allowed(room):
                problems.append(f"src/CMakeLists.txt: {room} may not use {used}")
    return problems


def main():
    problems = check_cmake()
    for name in code_files(("src", "include", "cli", "server")):
        problems += check_file(name)
    report("check_includes", problems)


main()
