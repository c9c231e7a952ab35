"""Damaged and hostile files through everything that reads them: samples, budgets, boards, manifests, whole folders.

Each is refused as an EdgeTrError, by a command with one line and the exit code of a user's mistake, or taken. What a
process needs is bounded: its memory by `MOST_MEMORY`, its processor time by a limit that kills it.
"""

from __future__ import annotations

import contextlib
import copy
import io
import json
import os
import resource
import shutil
import struct
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from edge_tr import boards, cli, demo, overlays
from edge_tr.errors import EdgeTrError
from edge_tr.golden.samples import read_samples
from edge_tr.ir.tflite import parse as parse_model
from edge_tr.manifest import BuildFolder
from edge_tr.prepared import budget

MOST_MEMORY = 600 << 10  # KB beside what the process had before
MOST_SECONDS = 120  # of processor time for one seed
GOOD = (0, 2, 3, 4, 6, 7)  # exit codes that say what a user can do
WORDS = (
    "", "0", "-1", "9" * 5000, "nan", "inf", "1e999", "\0", "\x1b[31m", "\ud800", "a" * 70_000, "../../x", "1979-05-27",
)  # fmt: skip
DEEP = ("[" * 50_000, '{"a":' * 50_000, "a = " + "[" * 50_000, "[" + "a." * 20_000 + "a]\nk = 1", "a={b=" * 30_000)


class Damaged:
    """Cases from one random generator; a build for the host, whose copies are damaged, is made once in `scratch`."""

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        self._graph = parse_model(demo.MODEL.read_bytes())
        self._built = scratch / "built"
        for words in (["build", str(demo.MODEL), "--target", "host", "-o", str(self._built)],):
            assert _command(words)[0] == 0
        self._manifest = (self._built / "build.json").read_text()
        self.kinds: dict[str, Callable[[np.random.Generator], None]] = {
            "samples": self.samples, "budgets": self.budgets, "boards": self.boards, "manifests": self.manifests,
            "folders": self.folders,
        }  # fmt: skip

    def seed(self, seed: int) -> None:
        """Some of each kind, in a process of their own; AssertionError if one went wrong."""
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        child = os.fork()
        if child == 0:
            _child(lambda: [self.kind(name, seed) for name in self.kinds])
        _, status, used = os.wait4(child, 0)
        assert status == 0, f"seed {seed} ended with status {status}"
        assert used.ru_maxrss - before < MOST_MEMORY, f"seed {seed} took {used.ru_maxrss - before:,} KB"

    def kind(self, name: str, seed: int) -> None:
        """The cases of one kind."""
        self.kinds[name](np.random.default_rng([seed, list(self.kinds).index(name)]))

    # --- each kind -------------------------------------------------------------------------------

    def samples(self, rng: np.random.Generator) -> None:
        """.npz: bytes changed, members and headers that lie, bombs."""
        for _ in range(20):
            path = self._scratch / f"{os.getpid()}.npz"
            path.write_bytes(_npz(rng))
            limit = int(rng.integers(1, 9)) if rng.random() < 0.5 else None
            _refused_or_taken(partial(read_samples, path, self._graph, limit))

    def budgets(self, rng: np.random.Generator) -> None:
        """budget.toml."""
        good = '[default]\ng = 8\nk = 12\n[layer.conv_2d_0]\nk = 24\n[tuned]\nweights = "a"\nmodel_sha256 = "b"\n'
        path = self._scratch / f"{os.getpid()}.toml"
        for _ in range(20):
            path.write_bytes(_text(rng, good))
            _refused_or_taken(partial(budget.read, path))

    def boards(self, rng: np.random.Generator) -> None:
        """board.toml and overlay.toml, in folders of their own."""
        for file, good, load in (
            ("board.toml", boards.load("mps2-an386").folder, boards.load),
            ("overlay.toml", overlays.load(overlays.names()[0]).folder, overlays.load),
        ):
            for _ in range(5):
                folder = self._scratch / f"board-{os.getpid()}-{rng.integers(1 << 60)}"
                folder.mkdir()
                (folder / file).write_bytes(_text(rng, (good / file).read_text()))
                _refused_or_taken(partial(load, str(folder)))
                shutil.rmtree(folder)

    def manifests(self, rng: np.random.Generator) -> None:
        """build.json with values of other kinds and sizes, or other text; now and then up to an answer of a program."""
        folder = Path(shutil.copytree(self._built, self._scratch / f"manifest-{os.getpid()}"))
        for turn in range(8):
            (folder / "build.json").write_bytes(_json(rng, self._manifest))
            _refused_or_taken(BuildFolder(folder).read)
            if turn == 0:
                _said(["flash", str(folder), "--trust"])
            _said(["check", str(folder), "--limit", "1", *(["--trust"] if turn < 2 else ["--port", "nowhere://"])])
        shutil.rmtree(folder)

    def folders(self, rng: np.random.Generator) -> None:
        """Files that are missing, cut, exchanged, folders, links or pipes. Nothing damaged is run."""
        for _ in range(4):
            folder = Path(shutil.copytree(self._built, self._scratch / f"folder-{os.getpid()}"))
            names = sorted(path for path in folder.rglob("*") if path.is_file() and path.parent.name != "obj")
            for path in rng.choice(np.array(names, object), 2):
                _damage(rng, Path(path))
            for words in (["flash"], ["check", "--limit", "1", "--port", "nowhere://"], ["bench"]):
                _said([words[0], str(folder), *words[1:]])
            shutil.rmtree(folder)


def _child(work: Callable[[], object]) -> None:
    """Never returns."""
    code = 1
    try:
        resource.setrlimit(resource.RLIMIT_CPU, (MOST_SECONDS, MOST_SECONDS))
        work()
        code = 0
    finally:
        if code:
            import traceback

            traceback.print_exc()
        os._exit(code)


def _refused_or_taken(read: Callable[[], object]) -> None:
    with contextlib.suppress(EdgeTrError):
        read()


def _command(words: list[str]) -> tuple[int, str]:
    err = io.StringIO()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(err):
        code = cli.main([*words, "-q"])
    return code, err.getvalue()


def _said(words: list[str]) -> None:
    """A command that ends with one line, of a few pages at most, or well."""
    code, err = _command(words)
    assert code in GOOD and "Traceback" not in err, (words, code, err[-2000:])
    assert err.count("edge-tr: ") == (code != 0) and len(err) < 20_000 and "\x1b" not in err, (words, err[:2000])


# --- damage ------------------------------------------------------------------------------------


def _flipped(rng: np.random.Generator, data: bytes) -> bytes:
    """Some bytes changed, or cut short."""
    damaged = bytearray(data[: int(rng.integers(0, len(data) + 1))] if rng.random() < 0.3 else data)
    for at in rng.integers(0, len(damaged), int(rng.integers(0, 6))) if damaged else ():
        damaged[at] = int(rng.integers(256))
    return bytes(damaged)


def _npz(rng: np.random.Generator) -> bytes:
    out = io.BytesIO()
    arrays = {"x": np.zeros((4, 8, 8, 1), rng.choice(["i1", "f4", "f8", ">f4", "c8"])), "y": np.zeros(4, int)}
    if rng.random() < 0.5:
        (np.savez if rng.random() < 0.5 else np.savez_compressed)(out, **arrays)
        return _flipped(rng, out.getvalue())
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED if rng.random() < 0.7 else zipfile.ZIP_STORED) as archive:
        archive.writestr("x.npy", _npy(rng))
        if rng.random() < 0.5:
            archive.writestr("y.npy", _npy(rng))
    data = bytearray(out.getvalue())
    if rng.random() < 0.3:  # the archive's list lies about the size of its first member
        at = data.rfind(b"PK\x01\x02")
        struct.pack_into("<I", data, at + 24, int(rng.choice([0, 1 << 31, (1 << 32) - 2])))
    return bytes(data)


def _npy(rng: np.random.Generator) -> bytes:
    """A header, right or wrong in any of its parts, and zeros."""
    count = int(rng.choice([0, 1, 4, 1 << 20, 1 << 40, -1, 1 << 70]))
    shape = [f"({count},8,8,1)", f"({count},)", "()", f"({'1,' * 200}{count})", f"({count},1<<9)", "(" * 900, "'x'"]
    descr = [
        "'|i1'",
        "'<f4'",
        "'|O'",
        "[('a','<i4')]",
        "'|V9999999999'",
        "'<U0'",
        "'<M8[s]'",
        "'" + "x" * 99 + "'",
        "{" * 99,
    ]
    header = f"{{'descr':{rng.choice(descr)},'fortran_order':{rng.choice(['True', 'False', '1'])},"
    header += f"'shape':{rng.choice(shape)}}}{rng.choice(['', ' ' * 60_000])}\n"
    version = rng.choice([1, 2, 3, 9], p=[0.6, 0.2, 0.1, 0.1])
    start = b"\x93NUMPY" + bytes([int(version), 0]) + struct.pack("<H" if version == 1 else "<I", len(header) & 0xFFFF)
    return start + header.encode() + bytes(int(rng.choice([0, 256, 1 << 20, 64 << 20], p=[0.3, 0.4, 0.2, 0.1])))


def _text(rng: np.random.Generator, good: str) -> bytes:
    """A text file with lines gone, doubled or with other values; deep, long, or no text."""
    kind = rng.integers(4)
    if kind == 0:
        return _flipped(rng, good.encode())
    if kind == 1:
        return (good + str(rng.choice(DEEP))).encode()
    lines = good.splitlines()
    for _ in range(int(rng.integers(1, 5))):
        at = int(rng.integers(len(lines)))
        key, equals, _ = lines[at].partition(" = ")
        value = str(rng.choice(WORDS))
        values = [value, json.dumps(value[:9]), "[1, 2]", "{}", "true", f"[{value}]"]
        lines[at] = f"{key} = {rng.choice(np.array(values, object))}" if equals and rng.random() < 0.7 else value[:99]
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def _json(rng: np.random.Generator, good: str) -> bytes:
    kind = rng.integers(4)
    if kind == 0:
        return _flipped(rng, good.encode())
    if kind == 1:
        return str(rng.choice(DEEP)).encode()
    values = json.loads(good)
    for _ in range(int(rng.integers(1, 3))):
        _replace_somewhere(rng, values)
    return json.dumps(values).encode()


def _replace_somewhere(rng: np.random.Generator, values: Any) -> None:
    """One value of a tree of tables and lists becomes another, or goes."""
    while True:
        keys = list(values) if isinstance(values, dict) else list(range(len(values)))
        if not keys:
            return
        key = keys[int(rng.integers(len(keys)))]
        if not isinstance(values[key], dict | list) or rng.random() < 0.3:
            break
        values = values[key]
    old = values[key]
    choices = [None, True, -1, 0, 1 << 70, 1e308, float("nan"), [], {}, copy.deepcopy(old), *WORDS]
    if rng.random() < 0.15:
        del values[key]
    else:
        same = [choice for choice in choices if type(choice) is type(old)]
        pool = same if same and rng.random() < 0.7 else choices
        values[key] = pool[int(rng.integers(len(pool)))]


def _damage(rng: np.random.Generator, path: Path) -> None:
    data, kind = path.read_bytes() if path.is_file() else b"", rng.integers(7)
    if not path.parent.is_dir() or not path.is_file():
        return
    path.unlink()
    if kind == 1:
        path.mkdir()
    elif kind == 2:
        path.symlink_to("/dev/zero")
    elif kind == 3:
        os.mkfifo(path)
    elif kind == 4:
        path.write_bytes(b"")
    elif kind > 4:
        path.write_bytes(_flipped(rng, data))
