"""Runs the programs that touch pixels (pictures/): drawing, looking for twins, writing PNG."""
import collections
import hashlib
import os
import struct
import subprocess

Mark = collections.namedtuple("Mark", "hash drawn ink stroke one_colour shares raster")
_LAYOUT = struct.Struct("<QHHHH12H768s")
DRAWING = 1  # to be raised when pictures/draw.c or mark.c give other pixels or marks


class Pictures:
    """Pictures in a folder: what is added is drawn at once by `draw`, and has a mark and pixels under its number then."""

    def __init__(self, folder, programs):
        self.folder, self.programs, self.count = folder, programs, 0
        os.makedirs(folder, exist_ok=True)
        self._sum = hashlib.sha256()
        self._frames = open(self.path("frames"), "wb")

    def path(self, name):
        return os.path.join(self.folder, name)

    def add(self, kind, data):
        frame = struct.pack("<II", len(data), ord(kind)) + data
        self._sum.update(frame)
        self._frames.write(frame)
        self.count += 1
        return self.count - 1

    def draw(self, processes):
        """Draws all that was added; does nothing where the same pictures were drawn here before."""
        self._frames.close()
        done = f"{self._sum.hexdigest()} {self.count} {DRAWING}"
        if os.path.exists(self.path("drawn")) and open(self.path("drawn"), encoding="ascii").read() == done:
            return
        for name in ("drawn", "pixels", "marks"):
            open(self.path(name), "wb").close()
        self._shared(processes, "icons_draw", self.path("frames"), self.path("pixels"), self.path("marks"))
        with open(self.path("drawn"), "w", encoding="ascii") as file:
            file.write(done)

    def _shared(self, processes, program, *arguments):
        """What the processes of a program print, each given its share of the pictures."""
        share = -(-self.count // processes) or 1
        work = [subprocess.Popen([os.path.join(self.programs, program), *arguments, str(first), str(min(share, self.count - first))],
                                 stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) for first in range(0, self.count, share)]
        said = [process.communicate()[0] for process in work]
        if any(process.returncode for process in work):
            raise SystemExit(f"{program} failed")
        return b"".join(said)

    def marks(self):
        with open(self.path("marks"), "rb") as file:
            while record := file.read(_LAYOUT.size):
                hash_, drawn, ink, stroke, one_colour, *rest = _LAYOUT.unpack(record)
                yield Mark(hash_, drawn, ink, stroke, one_colour, rest[:12], rest[12])

    def twins_of(self, others, limit, processes):
        """Number -> (number of the nearest of `others`, distance), for those within `limit`."""
        out = self._shared(processes, "icons_twins", self.path("marks"), others.path("marks"), str(limit))
        rows = (map(int, line.split()) for line in out.splitlines())
        return {number: (other, distance) for number, other, distance in rows}

    def painter(self):
        return Painter(os.path.join(self.programs, "icons_paint"), self.path("pixels"))


class Painter:
    """PNG files of pictures, one asked for at a time; the program works ahead of what is read."""

    def __init__(self, program, pixels):
        self._process = subprocess.Popen([program, pixels], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def png_of_all(self, jobs):
        """For each (number, ink, ground) its PNG file, in order; jobs are sent in blocks that fit the pipe."""
        jobs, waiting, block = iter(jobs), 0, 256
        while True:
            sent = [job for _, job in zip(range(block), jobs)]
            if sent:
                self._process.stdin.write("".join(f"{n} {ink or '-'} {ground or '-'}\n" for n, ink, ground in sent).encode())
                self._process.stdin.flush()
            for _ in range(waiting):
                yield self._read()
            waiting = len(sent)
            if not sent:
                break
        self._process.stdin.close()
        self._process.wait()

    def _read(self):
        length, = struct.unpack("<I", self._process.stdout.read(4))
        return self._process.stdout.read(length)
