"""A seal behind HDF5 files of torchkeras: a checksum of all that is not in an array.

The HDF5 library takes what it reads for sound, and a few damaged bytes can end the process. So what
leads to the arrays is compared before the library sees it; the arrays have their own checksums.
The library reads past nothing and ignores what stands behind its own end, and cuts it off when
somebody opens the file to change it.

Layout: pairs of an array's offset and size, then where they begin, their number, and the checksum
of everything before that is in no array; 8 bytes each but for the last with 4; then the magic.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterable
from typing import Any

_MAGIC = b"torchkeras seal\n"
_END = struct.Struct("<QQI")
_PIECE = 2**20


def write(raw: Any, start: int, arrays: Iterable[tuple[int, int]]) -> None:
    """Seal the file in a raw file from the byte `start` on; `arrays` are offsets and sizes."""
    places = [place for place in sorted(arrays) if place[1]]
    end = raw.seek(0, io.SEEK_END) - start
    pairs = b"".join(struct.pack("<QQ", *place) for place in places)
    checksum = zlib.crc32(pairs, _outside(raw, start, end, places))
    left = memoryview(pairs + _END.pack(end, len(places), checksum) + _MAGIC)
    raw.seek(start + end)
    while left:
        left = left[raw.write(left) :]


def check(raw: Any, start: int = 0) -> None:
    """OSError where a sealed file is not what was written; others are not looked at."""
    size = raw.seek(0, io.SEEK_END) - start
    tail = _END.size + len(_MAGIC)
    if size < tail or _read(raw, start + size - len(_MAGIC), len(_MAGIC)) != _MAGIC:
        if _was_sealed(raw, start, size - tail):
            raise OSError("its end is not what was written")
        return
    end, count, checksum = _END.unpack(_read(raw, start + size - tail, _END.size))
    if end + 16 * count + tail != size:
        raise OSError("its end is not what was written")
    pairs = _read(raw, start + end, 16 * count)
    places = list(struct.iter_unpack("<QQ", pairs))
    if zlib.crc32(pairs, _outside(raw, start, end, places)) != checksum:
        raise OSError("what leads to its arrays is not what was written")


def _was_sealed(raw, start, size):
    """Whether as many bytes stand behind the end as a seal takes: 4 more than a multiple of 16."""
    head = _read(raw, start, 48)
    if len(head) < 48 or head[8] != 0:  # the layout that torchkeras writes
        return False
    behind = size - int.from_bytes(head[40:], "little")
    return behind >= 0 and behind % 16 == 0


def _outside(raw, start, end, places):
    """The checksum of the bytes up to `end` that are in none of the places."""
    found, position = 0, 0
    for offset, size in [*places, (end, 0)]:
        if not position <= offset <= end:
            raise OSError("its end is not what was written")
        while position < offset:
            piece = _read(raw, start + position, min(offset - position, _PIECE))
            if not piece:
                raise OSError("it became shorter")
            found, position = zlib.crc32(piece, found), position + len(piece)
        position = offset + size
    return found


def _read(raw, place, count):
    raw.seek(place)
    return raw.read(count) or b""
