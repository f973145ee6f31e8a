"""Datasets in every layout, images, annotations, and weights."""

# ruff: noqa: E501 (tables of hostile values read best dense)

from __future__ import annotations

import gzip
import io
import json
import os
import pickle
import struct
import zipfile
import zlib
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from PIL import Image

from edgebench.claim.dataset import DataSettings
from edgebench.data import annotated, idx, prepared, scenes
from edgebench.data.cifar import read_cifar
from edgebench.data.images import FORMATS, decode
from edgebench.data.inert_pickle import load_inert
from edgebench.data.npz import read_npz
from edgebench.data.raw import Raw
from edgebench.data.scenes import SceneSource
from edgebench.errors import EdgebenchError
from edgebench.models import weights
from tools.fuzz import atoms, guard, raw

_NAMES = ("ant", "bee", "cat")
_LIMIT = 1 << 22  # bytes that a dataset may have here: what is small on disk must not become large


class _Runs:
    """Pickles as a call of a function that no reader may make."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


def _evil(random: Random) -> bytes:
    """A pickle that would run a program."""
    call = random.choice((
        _Runs(os.system, "true"), _Runs(eval, "__import__('os').system('true')"), _Runs(exec, "import os; os.system('true')"),
        _Runs(os.mkdir, "/dev/shm/made-by-a-pickle"), _Runs(io.open, "/dev/zero", "rb"), _Runs(bytearray, 1 << 40),
    ))  # fmt: skip
    return pickle.dumps(random.choice((call, {"data": call}, [call])), random.choice((0, 2, 4)))


class _OfBytes:
    """A target whose inputs are changed from a few whole ones."""

    name = ""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.seeds = self.made()

    def made(self) -> list[bytes]:
        raise NotImplementedError

    def special(self, random: Random) -> bytes:
        """An input that knows the format; any other by default."""
        return raw.mutated(random.choice(self.seeds), self.seeds, random)

    def sample(self, random: Random) -> bytes:
        if random.random() < 0.35:
            return self.special(random)
        return raw.mutated(random.choice(self.seeds), self.seeds, random)

    def feed(self, data: bytes) -> bool:
        try:
            with guard.watched():
                self.read(data)
        except EdgebenchError as error:
            guard.said(error)
            return False
        return True

    def read(self, data: bytes) -> None:
        raise NotImplementedError


def _drained(found: Raw) -> None:
    for split in (found.train, found.test):
        assert sum(len(chunk) for chunk in split.chunks()) == split.shape[0]
    guard.shown(" ".join(found.class_names))


def _encoded(random: Any, form: str, size: tuple[int, int, int] = (6, 6, 3)) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(random.integers(0, 256, size, np.uint8)).save(buffer, form)
    return buffer.getvalue()


def _npy(array: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()


class Npz(_OfBytes):
    """Datasets in .npz files, decoded to the last image."""

    name = "npz"

    def made(self) -> list[bytes]:
        return [self._packed(arrays, how) for arrays in (self._plain(), self._jpeg()) for how in (0, 8)]

    def _plain(self) -> dict[str, bytes]:
        draw = np.random.default_rng(0)
        arrays: dict[str, Any] = {"class_names": np.array(_NAMES)}
        for split in ("train", "test"):
            arrays[f"{split}_images"] = draw.integers(0, 256, (6, 4, 4, 3), np.uint8)
            arrays[f"{split}_labels"] = np.arange(6) % 3
        return {key: _npy(value) for key, value in arrays.items()}

    def _jpeg(self) -> dict[str, bytes]:
        draw = np.random.default_rng(1)
        arrays: dict[str, Any] = {"class_names": np.array(_NAMES)}
        for split in ("train", "test"):
            files = [_encoded(draw, "JPEG") for _ in range(3)]
            arrays[f"{split}_jpeg"] = np.frombuffer(b"".join(files), np.uint8)
            arrays[f"{split}_offsets"] = np.cumsum([0, *map(len, files)])
            arrays[f"{split}_labels"] = np.arange(3)
        return {key: _npy(value) for key, value in arrays.items()}

    def _packed(self, members: dict[str, bytes], how: int) -> bytes:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", how) as archive:
            for name, content in members.items():
                archive.writestr(f"{name}.npy", content)
        return buffer.getvalue()

    def special(self, random: Random) -> bytes:
        """Whole archives with one array changed before it is packed, so that no checksum is in the way."""
        members = dict(self._plain() if random.random() < 0.5 else self._jpeg())
        key = random.choice(list(members))
        draw = np.random.default_rng(random.randrange(1000))
        match random.randrange(8):
            case 0:  # more than it has, or much of one value
                members[key] = _header(random) + b"\0" * random.choice((0, 10, 1 << 16, 1 << 22, 1 << 24))
            case 1:
                members[key] = _npy(np.array([_Runs(os.system, "true")], object))
            case 2:
                kinds = ("U3", "S5", "i1", "i8", "u8", "f8", "c16", "M8[s]", "V4", "?", "U0", ">i4", "f2")
                members[key] = _npy(
                    draw.integers(0, 3, random.choice(((6,), (6, 4, 4), (3,), (0,), ()))).astype(
                        random.choice(kinds)
                    )
                )
            case 3:
                members["class_names"] = _npy(
                    np.array([atoms.text(random).replace("\0", "") or "x" for _ in range(3)])
                )
            case 4:
                value: Any = np.array([2**62, -1, 2**63 - 1, 0, 5, 1])[: random.randrange(1, 7)]
                members[key] = _npy(value)
            case 5:
                members[key] = raw.mutated(members[key], list(members.values()), random)
            case 6:
                members[random.choice(("../evil", "/abs", "train_images.npy/x", key + "\n\x1b[31m"))] = (
                    members.pop(key)
                )
            case _:
                members.pop(key)
        return self._packed(members, random.choice((0, 8, 8, 12, 14)))

    def read(self, data: bytes) -> None:
        path = self.folder / "x.npz"
        path.write_bytes(data)
        _drained(read_npz(path, 8, _LIMIT))


def _header(random: Random) -> bytes:
    """The header of an array that claims some shape and type."""
    shape = random.choice(("(6, 4, 4, 3)", "(1099511627776,)", "(2, -1)", "(4294967296, 4294967296)", "(1,)" * 99, "6", "()",
                           "(1.5, 2)", "('a',)", "(" * 200, "(0, 9223372036854775807)", "(1,) * 10**9"))  # fmt: skip
    kind = random.choice(
        (
            "'|u1'",
            "'<f8'",
            "'|O'",
            "'<U1000000000'",
            "[('a', '|O')]",
            "'|V0'",
            "'<U0'",
            "'|S0'",
            "('|u1', (9, 9))",
        )
    )
    order = random.choice(("False", "True", "0", "None"))
    text = f"{{'descr': {kind}, 'fortran_order': {order}, 'shape': {shape}, }}".encode()
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    version = random.choice((b"\x01\x00", b"\x02\x00", b"\x03\x00", b"\x09\x00"))
    length = struct.pack("<H", len(text)) if version == b"\x01\x00" else struct.pack("<I", len(text))
    return b"\x93NUMPY" + version + length + text


class Idx(_OfBytes):
    """Files of the MNIST family, plain and gzipped."""

    name = "idx"

    def made(self) -> list[bytes]:
        images = bytes((0, 0, 8, 3)) + struct.pack(">3I", 4, 5, 5) + bytes(range(100))
        labels = bytes((0, 0, 8, 1)) + struct.pack(">I", 4) + bytes((0, 1, 2, 1))
        return [images, labels, gzip.compress(images), gzip.compress(labels)]

    def special(self, random: Random) -> bytes:
        sizes = [random.choice((0, 1, 4, 5, 2**31, 2**32 - 1)) for _ in range(3)]
        data = bytes((0, 0, 8, 3)) + struct.pack(">3I", *sizes) + bytes(random.choice((0, 100, 1 << 20)))
        return gzip.compress(data, 1) if random.random() < 0.7 else data

    def read(self, data: bytes) -> None:
        path = self.folder / ("x.gz" if data[:2] == b"\x1f\x8b" else "x")
        path.write_bytes(data)
        labels = self.folder / "labels"
        labels.write_bytes(bytes((0, 0, 8, 1)) + struct.pack(">I", 4) + bytes((0, 1, 2, 1)))
        _drained(idx.read_idx((path, labels, path, labels), _NAMES, 8))


class Pickles(_OfBytes):
    """The pickles of CIFAR."""

    name = "pickles"

    def made(self) -> list[bytes]:
        batch = {b"data": np.zeros((2, 3072), np.uint8), b"labels": [0, 1], b"fine_labels": [0, 1]}
        meta = {"label_names": list(_NAMES)}
        return [pickle.dumps(each, protocol) for each in (batch, meta) for protocol in (0, 2, 4)]

    def special(self, random: Random) -> bytes:
        if random.random() < 0.5:
            return _evil(random)
        size = int(10 ** random.uniform(1, 4.5))
        return random.choice((
            b"(" * size, b"]" * size, b"\x80\x02" + b"]" * size + b"a" * size + b".", b"(l" * size + b"t" * size + b".",
            b"\x80\x02}" + b"2" * size + b".", b"I" + b"9" * size + b"\n.", b"L" + b"9" * size + b"L\n.", b"\x8b\xff\xff\xff\x7f",
            b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\x7f.", b"}p0\n" + b"g0\ng0\ns" * min(size, 100) + b".",
            b"\x80\x02]q\x00" + b"h\x00a" * size + b".", b"\x80\x02(" + b"K\x01" * size + b"t\x85" * 30 + b".",
            b"cbuiltins\neval\n(S'1'\ntR.", b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85c_codecs\nencode\n\x87R.",
        ))  # fmt: skip

    def read(self, data: bytes) -> None:
        path = self.folder / "x"
        path.write_bytes(data)
        loaded = load_inert(path)
        meta = self.folder / "meta"
        meta.write_bytes(self.seeds[3])
        if "data" in loaded:
            _drained(read_cifar((path, path, meta), 8))
        elif "label_names" in loaded or "fine_label_names" in loaded:
            batch = self.folder / "batch"
            batch.write_bytes(self.seeds[0])
            _drained(read_cifar((batch, batch, path), 8))


class Images(_OfBytes):
    """Single images in every accepted format."""

    name = "images"

    def made(self) -> list[bytes]:
        draw = np.random.default_rng(0)
        found = [_encoded(draw, form, (9, 7, 3)) for form in FORMATS]
        palette = io.BytesIO()
        Image.fromarray(draw.integers(0, 256, (5, 5, 3), np.uint8)).quantize(4).save(palette, "PNG")
        return [*found, palette.getvalue()]

    def special(self, random: Random) -> bytes:
        """A few bytes that claim many pixels, or text that unpacks to much."""
        side = random.choice((0, 1, 8192, 65535, 2**31 - 1))
        if random.random() < 0.5:
            return f"P6 {side} {random.choice((0, 1, side))} 255\n".encode() + b"abc" * random.randrange(99)
        header = struct.pack(">IIBBBBB", side, side, 8, random.choice((0, 2, 3, 6)), 0, 0, 0)
        text = b"a\0\0" + zlib.compress(b"\0" * random.choice((10, 1 << 20, 1 << 24)))
        chunks = [
            (b"IHDR", header),
            (random.choice((b"zTXt", b"iCCP")), text),
            (b"IDAT", zlib.compress(b"\0" * 99)),
            (b"IEND", b""),
        ]
        packed = b"".join(
            struct.pack(">I", len(c)) + n + c + struct.pack(">I", zlib.crc32(n + c)) for n, c in chunks
        )
        return b"\x89PNG\r\n\x1a\n" + packed

    def read(self, data: bytes) -> None:
        path = self.folder / "x.jpg"
        path.write_bytes(data)
        for size in (8, None):
            decode(path, what="x.jpg", where=path, colour=True, size=size, formats=FORMATS)
        decode(data, what="image 0", where=path, colour=None, size=8, formats=FORMATS)


_XML = """<annotation><filename>000001.jpg</filename><size><width>40</width><height>20</height><depth>3</depth></size>
<object><name>dog</name><difficult>0</difficult><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>20</xmax><ymax>10</ymax></bndbox></object>
</annotation>"""


class Voc(_OfBytes):
    """Annotations of Pascal VOC, and the lists of their images."""

    name = "voc"

    def made(self) -> list[bytes]:
        for folder, split in scenes.VOC_SPLITS:
            root = self.folder / "VOCdevkit" / folder
            for part in ("Annotations", "JPEGImages", "ImageSets/Main"):
                (root / part).mkdir(parents=True, exist_ok=True)
            (root / "ImageSets" / "Main" / f"{split}.txt").write_text("000001\n")
            (root / "Annotations" / "000001.xml").write_text(_XML)
            (root / "JPEGImages" / "000001.jpg").write_bytes(b"")
        self.xml = self.folder / "VOCdevkit" / "VOC2007" / "Annotations" / "000001.xml"
        self.list = self.folder / "VOCdevkit" / "VOC2007" / "ImageSets" / "Main" / "trainval.txt"
        return [_XML.encode(), b"000001\n", b"000001\n000002\n"]

    def special(self, random: Random) -> bytes:
        text = random.choice((*atoms.NUMBERS, *atoms.PATHS, atoms.text(random)))
        size = int(10 ** random.uniform(1, 4.5))
        entities = '<!DOCTYPE a [<!ENTITY a "ha">' + "".join(
            f'<!ENTITY {chr(98 + i)} "{f"&{chr(97 + i)};" * 10}">' for i in range(random.randrange(1, 12))
        )
        return random.choice((
            _XML.replace("40", text), _XML.replace(">1<", f">{text}<"), _XML.replace("dog", text), "<a>" * size,
            _XML.replace("dog", "<name>" * size), f"{entities}]><annotation>&k;</annotation>", text,
            '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><annotation><object><name>&x;</name></object></annotation>',
            f"<annotation a='{'x' * size}'/>", "../../../x\n", "/etc/passwd\n", f"{text}\n000001\n",
        )).encode("utf-8", "surrogatepass")  # fmt: skip

    def read(self, data: bytes) -> None:
        where, usual = (self.xml, _XML.encode()) if data.lstrip()[:1] == b"<" else (self.list, b"000001\n")
        where.write_bytes(data)
        try:
            source = SceneSource("voc", self.folder)
            files = scenes.source_files(source)
            assert all(file.is_relative_to(self.folder) and ".." not in file.parts for file in files), files
            annotated.read(source)
        finally:
            where.write_bytes(usual)


class Coco(_OfBytes):
    """Annotations of COCO."""

    name = "coco"

    def made(self) -> list[bytes]:
        content = {
            "categories": [{"id": 3, "name": "car"}, {"id": 1, "name": "person"}],
            "images": [{"id": 7, "file_name": "a.jpg", "width": 40, "height": 20}],
            "annotations": [{"image_id": 7, "bbox": [10, 5, 20, 10], "category_id": 3, "iscrowd": 0}],
        }
        text = json.dumps(content).encode()
        (self.folder / "annotations").mkdir(exist_ok=True)
        for file in scenes.COCO_FILES:
            (self.folder / file).write_bytes(text)
        return [text]

    def special(self, random: Random) -> bytes:
        content: Any = json.loads(self.seeds[0])
        place: Any = random.choice(
            (content, *content["images"], *content["annotations"], *content["categories"])
        )
        hostile: Any = random.choice((
            None, True, [], {}, 10**400, -1, 1e308, float("nan"), float("inf"), atoms.text(random), [1], [[[]]], {"a": 1},
            random.choice(atoms.PATHS), [10**400] * 4, ["1", "2", "3", "4"], 0, 1.5,
        ))  # fmt: skip
        place[random.choice(list(place))] = hostile
        if random.random() < 0.1:
            size = int(10 ** random.uniform(2, 5))
            return random.choice((b"[" * size, b'{"a":' * size, b'{"images": ' + b"9" * size + b"}"))
        return json.dumps(content).encode()

    def read(self, data: bytes) -> None:
        where = self.folder / scenes.COCO_FILES[0]
        where.write_bytes(data)
        found = annotated.read(SceneSource("coco", self.folder))
        for each in found.train:
            assert each.path.parent == self.folder / "train2017", each.path
        guard.shown(" ".join(found.class_names))


class Prepared(_OfBytes):
    """Folders of the cache, damaged: they are made again, or not used."""

    name = "prepared"

    def made(self) -> list[bytes]:
        draw = np.random.default_rng(0)
        about = {"class_names": _NAMES, "digest": "0" * 64, "mean": [0.5], "std": [0.5]}
        return [
            _npy(draw.integers(0, 256, (3, 4, 4, 1), np.uint8)),
            _npy(np.arange(3)),
            json.dumps(about).encode(),
        ]

    def special(self, random: Random) -> bytes:
        size = int(10 ** random.uniform(1, 5))
        deep = random.choice(
            (
                b"[" * size,
                b'{"a":' * size,
                b'{"class_names": 5}',
                b'{"class_names": [' + b"9" * size + b"]}",
                b"\xff",
            )
        )
        return _header(random) + bytes(random.choice((0, 48, 288))) if random.random() < 0.6 else deep

    def read(self, data: bytes) -> None:
        usual = dict(zip(("train_images.npy", "train_labels.npy", "about.json"), self.seeds, strict=True))
        usual |= {"test_images.npy": self.seeds[0], "test_labels.npy": self.seeds[1]}
        content = "0" * 64
        folder = prepared._folder(DataSettings(name="digits"), content)
        if not folder.is_relative_to(self.folder):
            os.environ["EDGEBENCH_CACHE"] = str(self.folder)
            folder = prepared._folder(DataSettings(name="digits"), content)
        folder.mkdir(parents=True, exist_ok=True)
        which = ("about.json",) if data[:1] in b"{[\xff" else ("train_images.npy", "train_labels.npy")
        for name in which:
            for each, whole in usual.items():
                (folder / each).write_bytes(data if each == name else whole)
            found = prepared.find(DataSettings(name="digits"), content)
            if found is not None:
                int(found.train_images.sum()) + int(found.train_labels.sum())


class Safetensors(_OfBytes):
    """Weights in the safetensors format, read and put into a network."""

    name = "safetensors"

    def made(self) -> list[bytes]:
        import torch

        from edgebench.models import checkpoint  # before anything is watched: importing torch runs ldconfig

        self.model = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.Flatten(), torch.nn.Linear(2, 3))
        plain = checkpoint.save_state(self.model, checkpoint.HALF)
        # Not in the metadata, so that damage to it is found by us and not by a missing key.
        return [plain, checkpoint.save_state(torch.nn.Conv2d(3, 3, 1), checkpoint.IMAGENET)]

    def special(self, random: Random) -> bytes:
        if random.random() < 0.2:
            return _evil(random)
        length = int.from_bytes(self.seeds[0][:8], "little")
        header: Any = json.loads(self.seeds[0][8 : 8 + length])
        place = random.choice([header, *header.values()])
        hostile: Any = random.choice((
            None, [], {}, 10**30, -1, [0, 10**15], [5, 2], "F32", "BF16", atoms.text(random), [2**63], [0], [1] * 40, {"a": 1},
            "[NaN]", "[1e999]", "[0]", "[1,1,1]", '{"a":1}', "9" * 5000, "[" * 100_000,
        ))  # fmt: skip
        place[random.choice(list(place)) if random.random() < 0.8 else atoms.text(random)] = hostile
        text = json.dumps(header, ensure_ascii=random.random() < 0.5).encode("utf-8", "surrogatepass")
        claimed = random.choice((len(text), len(text), len(text), 2**62, 10**8, len(text) - 1, 0))
        return claimed.to_bytes(8, "little") + text + self.seeds[0][8 + length :]

    def read(self, data: bytes) -> None:
        from edgebench.models import checkpoint

        checkpoint.load_state(data, self.model)


class TorchFiles(_OfBytes):
    """Weights as torch.save writes them."""

    name = "torch-files"

    def made(self) -> list[bytes]:
        import torch

        from edgebench.models import tensors  # noqa: F401 (before anything is watched)

        found = []
        for new in (True, False):
            buffer = io.BytesIO()
            torch.save(
                {"a": torch.zeros(3), "b": torch.ones(2, 2)}, buffer, _use_new_zipfile_serialization=new
            )
            found.append(buffer.getvalue())
        return found

    def special(self, random: Random) -> bytes:
        if random.random() < 0.5:
            return _evil(random)
        import torch

        buffer = io.BytesIO()
        hostile: Any = random.choice(([1, 2], {"a": 1}, {"a": torch.zeros(2), "b": "x"}, torch.nn.Linear(1, 1), {1: torch.zeros(1)},
                                      {"a": _Runs(os.system, "true")}))  # fmt: skip
        torch.save(hostile, buffer)
        return buffer.getvalue()

    def read(self, data: bytes) -> None:
        from edgebench.models import tensors

        tensors.read_pickled(data, "weights.pth")


class Described(_OfBytes):
    """The JSON beside a checkpoint."""

    name = "described"

    def made(self) -> list[bytes]:
        return [json.dumps({"model": "mbv2-w0.35", "sha256": "0" * 64, "note": "é"}).encode()]

    def special(self, random: Random) -> bytes:
        size = int(10 ** random.uniform(1, 5))
        return random.choice((
            b"[" * size, b'{"a":' * size, b"9" * size, b'{"sha256": ' + b"9" * size + b"}", b'{"sha256": null}', b'"\\ud800"', b"NaN",
            json.dumps({"sha256": atoms.text(random)}).encode(), json.dumps(atoms.text(random)).encode(),
        ))  # fmt: skip

    def read(self, data: bytes) -> None:
        (self.folder / "x.json").write_bytes(data)
        weights.described(self.folder / "x.safetensors")
