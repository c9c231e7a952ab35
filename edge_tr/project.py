"""edge-tr.toml: what the commands take in a project's folder where the command line does not say it."""

from __future__ import annotations

import dataclasses
import difflib
import json
from dataclasses import dataclass
from pathlib import Path

from edge_tr.errors import UsageError
from edge_tr.files.reading import brief, read_toml

FILE = Path("edge-tr.toml")


@dataclass(frozen=True)
class Project:
    """The file's keys; None: not given. Paths are relative to its folder, which is the one that commands run in.

    model        the .tflite file
    target       a board's name, or its folder
    out          the folder of the build; else out/MODEL-BOARD
    budget       one, or several from the fewest terms on
    data         what `check` runs
    calibration  what `tune` takes
    port         of the board
    """

    model: Path | None = None
    target: str | None = None
    out: Path | None = None
    budget: tuple[str, ...] = ()
    data: Path | None = None
    calibration: Path | None = None
    port: str | None = None

    @property
    def folder(self) -> Path | None:
        """Where `build` writes; None where that depends on its arguments."""
        if self.out is not None or self.model is None or self.target is None:
            return self.out
        return build_folder(self.model, self.target)


def build_folder(model: Path, target: str) -> Path:
    """Of a build that is not told where to write."""
    return Path("out") / f"{model.stem}-{Path(target).name}"


_PATHS = ("model", "out", "data", "calibration")
_NAMES = [field.name for field in dataclasses.fields(Project)]


def read(path: Path = FILE) -> Project:
    """The project's file, or nothing without one; UsageError for what is no such file."""
    try:
        table = read_toml(path)
    except FileNotFoundError:
        return Project()
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error
    for name, value in table.items():
        _check(path, name, value)
    return Project(**{name: _typed(name, value) for name, value in table.items()})


def _check(path: Path, name: str, value: object) -> None:
    if name not in _NAMES:
        close = difflib.get_close_matches(name, _NAMES, n=1)
        raise UsageError(f"{path}: unknown key {brief(name)}: {f'did you mean {close[0]}?' if close else _listed()}")
    several = name == "budget" and isinstance(value, list) and value and all(isinstance(one, str) for one in value)
    if not several and not (isinstance(value, str) and value):
        raise UsageError(f"{path}: {name} must be text{' or a list of texts' if name == 'budget' else ''}")


def _listed() -> str:
    return f"there are {', '.join(_NAMES)}"


def _typed(name: str, value: str | list[str]) -> object:
    if name == "budget":
        return (value,) if isinstance(value, str) else tuple(value)
    return Path(value) if name in _PATHS else value


def write(model: Path | None, target: str | None, data: Path | None, port: str | None, path: Path = FILE) -> Path:
    """Begin a project; UsageError if there is one, or if it is not clear which model is meant."""
    if path.exists():
        raise UsageError(f"{path} exists already: edit it, or remove it")
    lines = [
        "# What edge-tr takes in this folder where the command line does not say it.",
        _line("model", str(model or _only_model())),
        _line("target", target, "a name of `edge-tr boards`, or a folder"),
        _line("data", None if data is None else str(data), "what check runs: X.npz, X.npy, a folder of images, ..."),
        _line("port", port, "/dev/ttyACM0; without one an emulated board starts its emulator"),
        _line("budget", None, '"g=8,k=12", or several: ["g=8,k=8", "lossless"]'),
    ]
    try:
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from error
    return path


def _line(name: str, value: str | None, about: str = "") -> str:
    """Strings of JSON are strings of TOML."""
    return f"# {name} =  # {about}" if value is None else f"{name} = {json.dumps(value)}"


def _only_model() -> Path:
    found = sorted(Path().glob("*.tflite"))
    if len(found) != 1:
        names = ", ".join(map(str, found)) or "no .tflite file"
        raise UsageError(f"which model? there is {names} here: edge-tr init MODEL.tflite")
    return found[0]
