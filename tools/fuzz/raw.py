"""Mutations of bytes that know nothing of what they mean."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

_STRANGE = (
    b"\x00", b"\xff", b"\x7f", b"\x80", b"\xff\xff\xff\xff", b"\x00\x00\x00\x80", b"\x7f\xff\xff\xff", b"\xef\xbb\xbf",
    b"\xed\xa0\x80", b"\xff\xfe", b"\x1b[2J", b"\r", b"\n", b"\t", b" ", b"PK\x03\x04", b"\x80\x04", b"%s", b"'", b'"',
)  # fmt: skip


def mutated(data: bytes, others: Sequence[bytes], random: Random, longest: int = 1 << 20) -> bytes:
    """Some changes to the bytes: flipped, strange, cut, repeated, moved, or taken from another input."""
    result = bytearray(data)
    for _ in range(1 + int(random.expovariate(0.5))):
        _change(result, others, random)
    return bytes(result[:longest])


def _change(data: bytearray, others: Sequence[bytes], random: Random) -> None:
    at = random.randrange(len(data) + 1)
    end = min(len(data), at + 1 + int(random.expovariate(0.1)))
    match random.randrange(9):
        case 0 if at < len(data):
            data[at] ^= 1 << random.randrange(8)
        case 1:
            data[at:at] = random.choice(_STRANGE)
        case 2:
            data[at:end] = random.choice(_STRANGE)
        case 3:
            del data[at:end]
        case 4:
            del data[at:]
        case 5:
            data[at:at] = data[at:end] * random.choice((1, 2, 10, 300))
        case 6:
            other = random.choice(others) if others else bytes(data)
            start = random.randrange(len(other) + 1)
            data[at:end] = other[start : start + random.randrange(1, 200)]
        case 7:
            data[at:end] = random.randbytes(end - at)
        case _ if at < len(data):
            data[at] = random.choice((0, 1, 0x7F, 0x80, 0xFF, (data[at] + 1) % 256, (data[at] - 1) % 256))
