"""Tar shards as webdataset reads them: NUMBER.png or .jpg with NUMBER.json. Equal samples give equal bytes."""
import json
import os

PER_SHARD = 10000
END = b"\0" * 1024


def _header(name, size):
    """A ustar header with no owner and no time."""
    fields = (name.encode().ljust(100, b"\0"), b"0000644\0", b"0000000\0", b"0000000\0", b"%011o\0" % size, b"00000000000\0", b" " * 8,
              b"0", b"\0" * 100, b"ustar\00000")
    block = b"".join(fields).ljust(512, b"\0")
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]


def member(name, data):
    return _header(name, len(data)) + data + b"\0" * (-len(data) % 512)


class Shards:
    """The shards of one pool: POOL-000.tar, POOL-001.tar ..."""

    def __init__(self, folder, pool):
        self.folder, self.pool, self.count, self.files, self._file = folder, pool, 0, 0, None

    def add(self, ending, picture, about):
        if self.count % PER_SHARD == 0:
            self.close()
            self._file = open(os.path.join(self.folder, f"{self.pool}-{self.files:03}.tar"), "wb")
            self.files += 1
        stem = f"{self.count:07}"
        text = json.dumps(about, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
        self._file.write(member(f"{stem}.{ending}", picture) + member(f"{stem}.json", text))
        self.count += 1

    def close(self):
        if self._file:
            self._file.write(END)
            self._file.close()
            self._file = None
