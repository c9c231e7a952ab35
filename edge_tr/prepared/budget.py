"""Budgets: how many terms each layer keeps.

A budget is written ``lossless``, ``g=8,k=12``, ``g=8,k=12,s=3``, or as a TOML file::

    [default]            # any layer not named below
    g = 8
    k = 12               # left out: every term
    s = 3                # left out: every term of the activations

    [layer.conv_2d_0]    # names as `edge-tr inspect` prints them
    k = 24

    [layer.svdf_1.feature]  # a part of an operator that is made of dot products; [layer.svdf_1]: all of its parts
    k = 16

    [tuned]              # written by `edge-tr tune`: build with this file's weights and biases
    weights = "budget.tflite"  # relative to the TOML file
    model_sha256 = "..."       # of the model that was tuned
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

from edge_tr.errors import UsageError
from edge_tr.files.reading import brief, read_toml
from edge_tr.formats.frames import HELLO_REPLY
from edge_tr.formats.term_table import MAX_GROUP

DEFAULT_GROUP = 8
MAX_TERMS = 0xFFFF
MAX_LEVELS = (1 << next(item.bits for item in HELLO_REPLY.fields if item.name == "levels")) - 1
_KEYS = {"g": "group", "k": "terms", "s": "data_terms"}
_NAMED = 10  # mistakes that a message names
_FORMS = "lossless, g=8,k=12, g=8,k=12,s=3, or a .toml file"


@dataclass(frozen=True)
class TrSetting:
    """Term revealing of one layer: in each `group` weights along the reduction axis keep the
    `terms` largest (None: all), of each activation the `data_terms` largest (None: all)."""

    group: int = DEFAULT_GROUP
    terms: int | None = None
    data_terms: int | None = None

    @property
    def lossless(self) -> bool:
        return self.terms is None and self.data_terms is None

    def __str__(self) -> str:
        if self.lossless:
            return "lossless"
        parts = [f"g={self.group}"]
        parts += [f"k={self.terms}"] if self.terms is not None else []
        parts += [f"s={self.data_terms}"] if self.data_terms is not None else []
        return ",".join(parts)


@dataclass(frozen=True)
class Tuned:
    """A model file with tuned weights and biases, and the SHA-256 (hex) of the model it was made from."""

    weights: Path
    model_sha256: str


@dataclass(frozen=True)
class Budget:
    """A setting for every layer, and others for layers by name; `tuned`: applied to other weights."""

    default: TrSetting = TrSetting()
    layers: Mapping[str, TrSetting] = field(default_factory=dict)
    tuned: Tuned | None = None

    def of(self, layer: str) -> TrSetting:
        """Of a part that is not named itself, its operator's."""
        return self.layers.get(layer, self.layers.get(layer.partition(".")[0], self.default))

    def __str__(self) -> str:
        tuned = [] if self.tuned is None else [f"tuned ({self.tuned.weights.name})"]
        settings = [str(self.default)] if self.tuned is None or not self.default.lossless else []
        return "; ".join([*tuned, *settings, *(f"{name}: {setting}" for name, setting in self.layers.items())])


def parse(text: str) -> Budget:
    """The budget that a command line names; UsageError says what is wrong and what is possible."""
    if text == "lossless":
        return Budget()
    if text.endswith(".toml"):
        return read(Path(text))
    pairs = [part.partition("=") for part in text.split(",")]
    if not all(re.fullmatch(r"\d{1,9}", value) for _, _, value in pairs):
        raise UsageError(f"budget {text!r} is not understood: use {_FORMS}")
    keys = [key.strip() for key, _, _ in pairs]
    if len(set(keys)) != len(keys) or ("k" not in keys and "s" not in keys):
        raise UsageError(f"budget {text!r} needs k or s, each key once: use {_FORMS}")
    return Budget(_setting({key: int(value) for key, (_, _, value) in zip(keys, pairs)}, TrSetting(), repr(text)))


def parse_shown(text: str) -> Budget:
    """What `str` made of a budget, but for tuned weights; UsageError for other texts."""
    parts = [part for part in text.split("; ") if not part.startswith("tuned (")]
    default, named = (parts[0], parts[1:]) if parts and ": " not in parts[0] else ("lossless", parts)
    layers = (part.partition(": ") for part in named)
    return Budget(parse(default).default, {name: parse(setting).default for name, _, setting in layers})


def read(path: Path) -> Budget:
    """The budget in a TOML file."""
    try:
        data = read_toml(path)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"budget file {path} cannot be read: {error}") from error
    except ValueError as error:
        raise UsageError(f"budget file {path} is not TOML: {error}") from error
    unknown = set(data) - {"default", "layer", "tuned"}
    default_table, layers = data.get("default", {}), _layers(data.get("layer", {}))
    tables = [default_table, layers, *(layers.values() if isinstance(layers, dict) else ())]
    if unknown or not all(isinstance(table, dict) for table in tables):
        raise UsageError(f"budget file {path}: only [default], [layer.NAME] and [tuned] tables are known")
    default = _setting(default_table, TrSetting(), f"{path} [default]")
    settings = {n: _setting(t, default, f"{path} [layer.{n}]") for n, t in layers.items()}
    return Budget(default, settings, _tuned(data["tuned"], path) if "tuned" in data else None)


def _layers(tables: object) -> object:
    """Tables by name; those of an operator's parts lie in its own."""
    if not isinstance(tables, dict):
        return tables
    found = {}
    for name, table in tables.items():
        parts = {key for key, value in table.items() if isinstance(value, dict)} if isinstance(table, dict) else set()
        if not parts or len(parts) < len(table):
            found[name] = {key: value for key, value in table.items() if key not in parts} if parts else table
        found |= {f"{name}.{part}": table[part] for part in parts}
    return found


def _tuned(values: object, path: Path) -> Tuned:
    if (
        not isinstance(values, dict)
        or set(values) != {"weights", "model_sha256"}
        or not all(isinstance(value, str) for value in values.values())
    ):
        raise UsageError(f'budget file {path} [tuned]: needs weights = "FILE.tflite" and model_sha256 = "..."')
    return Tuned(path.parent / values["weights"], values["model_sha256"])


def _setting(values: Mapping[str, object], base: TrSetting, where: str) -> TrSetting:
    limits = {"g": MAX_GROUP.value, "k": MAX_TERMS, "s": MAX_TERMS}
    known = ", ".join(f"{key} 1 to {top}" for key, top in limits.items())
    wrong = [
        f"{brief(key)} = {brief(repr(value))} (integers {known} are known)"
        for key, value in values.items()
        if key not in limits or type(value) is not int or not 1 <= value <= limits[key]
    ]
    if wrong:
        raise UsageError(f"budget {where}: {'; '.join(wrong[:_NAMED])}")
    return replace(base, **{_KEYS[key]: value for key, value in values.items()})


def check_budgets(budgets: Sequence[Budget], layers: Sequence[str]) -> None:
    """UsageError unless they name layers that the model has, and each budget keeps, in every layer, terms of the same
    groups and activations as the next one and no more of them, and in some layer fewer."""
    if len(budgets) > MAX_LEVELS:
        raise UsageError(f"{len(budgets)} budgets: one build holds {MAX_LEVELS} at most")
    for budget in budgets:
        unknown = strangers(budget.layers, layers)
        if unknown:
            named = ", ".join(map(brief, unknown[:_NAMED]))
            raise UsageError(f"the budget names {named}; this model has {', '.join(layers)}")
    for fewer, more in pairwise(budgets):
        if fewer.tuned != more.tuned:
            raise UsageError(f"budgets {fewer} and {more} are of different tuned weights: one build holds one set")
        for layer in layers:
            low, high = fewer.of(layer), more.of(layer)
            if low.data_terms != high.data_terms or not _holds(high, low):
                raise UsageError(
                    f"budgets are not nested: layer {layer} has {low}, then {high}; name them from the fewest terms "
                    "on, with the same g and s and a k that grows, lossless last"
                )
        if all(fewer.of(layer) == more.of(layer) for layer in layers):
            raise UsageError(f"two budgets are the same: {more}")


def strangers(named: Iterable[str], layers: Sequence[str]) -> list[str]:
    """Those that are neither layers nor operators whose parts are."""
    return sorted(set(named) - {*layers, *(layer.partition(".")[0] for layer in layers)})


def _holds(more: TrSetting, fewer: TrSetting) -> bool:
    """Whether all terms of `fewer` are among those of `more`."""
    if more.terms is None or more == fewer:
        return True
    return fewer.terms is not None and fewer.group == more.group and fewer.terms <= more.terms
