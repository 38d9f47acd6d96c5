"""A seal behind HDF5 files of torchkeras: a checksum of all that is not in an array.

The arrays have checksums of their own, so that no damaged byte of such a file is taken for sound.
The HDF5 library reads past nothing and ignores what stands behind its own end, and cuts it off when
somebody opens the file to change it.

Layout: pairs of an array's offset and size, then where they begin, their number, and the checksum
of everything before that is in no array; 8 bytes each but for the last with 4; then the magic.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator

from .files import Places

_MAGIC = b"torchkeras seal\n"
_END = struct.Struct("<QQI")
_PIECE = 2**20


def write(places: Places, arrays: Iterable[tuple[int, int]]) -> None:
    """Seal a file; `arrays` are offsets and sizes."""
    arrays = [array for array in sorted(arrays) if array[1]]
    end = places.size
    pairs = b"".join(struct.pack("<QQ", *array) for array in arrays)
    checksum = zlib.crc32(pairs, _outside(places, end, arrays))
    places.write(end, pairs + _END.pack(end, len(arrays), checksum) + _MAGIC)


def check(places: Places) -> None:
    """OSError where a sealed file is not what was written; others are not looked at."""
    size, tail = places.size, _END.size + len(_MAGIC)
    last = places.read(max(size - tail, 0), tail)
    if len(last) < tail or not last.endswith(_MAGIC):
        if _was_sealed(places, size - tail):
            raise OSError("its end is not what was written")
        return
    end, count, checksum = _END.unpack_from(last)
    if end + 16 * count + tail != size:
        raise OSError("its end is not what was written")
    pairs = places.read(end, 16 * count)
    if zlib.crc32(pairs, _outside(places, end, struct.iter_unpack("<QQ", pairs))) != checksum:
        raise OSError("what leads to its arrays is not what was written")


def _was_sealed(places, size):
    """Whether as many bytes stand behind the end as a seal takes: 4 more than a multiple of 16."""
    head = places.read(0, 48)
    if len(head) < 48 or head[8] != 0:  # the layout that torchkeras writes
        return False
    behind = size - int.from_bytes(head[40:], "little")
    return behind >= 0 and behind % 16 == 0


def _outside(places, end, arrays):
    """The checksum of the bytes up to `end` that are in none of the arrays."""
    found = 0
    for place, size in gaps(end, arrays):
        for piece in pieces(places, place, size):
            found = zlib.crc32(piece, found)
    return found


def gaps(end: int, arrays: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Offset and size of what is before, between and behind arrays that are in order.

    >>> list(gaps(10, [(2, 3), (5, 1)]))
    [(0, 2), (5, 0), (6, 4)]
    """
    position = 0
    for offset, size in [*arrays, (end, 0)]:
        if not position <= offset <= end:
            raise OSError("its end is not what was written")
        yield position, offset - position
        position = offset + size


def pieces(places: Places, place: int, size: int) -> Iterator[bytes]:
    """Some bytes of a file, a few at a time."""
    while size:
        piece = places.read(place, min(size, _PIECE))
        if not piece:
            raise OSError("it became shorter")
        yield piece
        place, size = place + len(piece), size - len(piece)
