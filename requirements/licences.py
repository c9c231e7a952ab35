"""Writes docs/licences.md and dist/sbom.cdx.json: what edge-tr runs on and is developed with, and under which licences,
as the locked packages themselves say: `make sbom`. Wants them installed (`make test` does that)."""

from __future__ import annotations

import re
import sys
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

from edge_tr import __version__
from edge_tr.report.markdown import markdown_table
from edge_tr.sbom import GCC_RUNTIME, OURS, Component, bill

PROJECT = Path(__file__).resolve().parent.parent
DOCUMENT = PROJECT / "docs" / "licences.md"
BILL = PROJECT / "dist" / "sbom.cdx.json"
SPDX = {
    "MIT License": "MIT",
    "MIT license": "MIT",
    "Apache Software License": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "ISC License (ISCL)": "ISC",
    "Python Software Foundation License": "PSF-2.0",
    "BSD 3-Clause": "BSD-3-Clause",
    "3-Clause BSD License": "BSD-3-Clause",
}
"""What packages write instead of an SPDX expression; "BSD License" says not which of them."""
EXPRESSION = re.compile(r"[A-Z][A-Za-z]*-[\d.]+(-[A-Za-z]+)*|MIT|ISC|.+ AND .+")
TEXT = """# Licences

Written by `make sbom` from what the locked packages say of themselves, on Python {python}. edge-tr itself is under
{ours}; it ships no package of others. What a build puts on a device, and under which licences, is in the build folder's
`sbom.cdx.json`: edge-tr's runtime ({ours}), the model's generated code (its owner's), the board's files, what was
linked of the compiler's libgcc ({gcc}), and with `--protocol st` nanopb (Zlib).

A licence that begins with LicenseRef is in the package's own words, which are not one of SPDX's names.

## edge-tr runs on

{runs_on}

## Tests and training need, too

{develops_with}"""


def locked(group: str) -> dict[str, str]:
    """Versions by name that a group has on this Python."""
    lines = (PROJECT / "requirements" / f"{group}.txt").read_text(encoding="utf-8").splitlines()
    pins = [Requirement(line.partition(" \\")[0]) for line in lines if re.match(r"[a-z]", line)]
    here = [pin for pin in pins if pin.marker is None or pin.marker.evaluate()]
    return {pin.name: next(iter(pin.specifier)).version for pin in here}


def licence(name: str) -> str:
    """An SPDX expression: the package's own, else what its field `License` or its classifiers stand for."""
    about = metadata.metadata(name)
    if expression := about.get("License-Expression"):
        return expression
    field = about.get("License", "").strip()
    said = (
        [field] if field and "\n" not in field and field != "UNKNOWN" else []
    )  # some hold a whole licence, or nothing
    said += [text.rpartition(" :: ")[2] for text in about.get_all("Classifier", []) if text.startswith("License")]
    expressions = [SPDX.get(text, text) for text in said]
    known = [text for text in expressions if EXPRESSION.fullmatch(text)]
    own_words = [f"LicenseRef-{re.sub(r'[^A-Za-z0-9.]+', '-', text)}" for text in said]
    return [*known, *own_words, "LicenseRef-unknown"][0]


def component(name: str, version: str) -> Component:
    return Component("library", name, version, licence(name), purl=f"pkg:pypi/{name}@{version}")


def package_bill() -> str:
    """What `pip install edge-tr` brings."""
    subject = Component("application", "edge-tr", __version__, OURS, purl=f"pkg:pypi/edge-tr@{__version__}")
    return bill(subject, [component(name, version) for name, version in locked("demo").items()])


def document() -> str:
    """docs/licences.md."""
    runs_on, everything = locked("demo"), locked("test")
    develops_with = {name: everything[name] for name in sorted(everything.keys() - runs_on)}
    return TEXT.format(
        python="{}.{}".format(*sys.version_info),
        ours=OURS,
        gcc=GCC_RUNTIME,
        runs_on=_table(runs_on),
        develops_with=_table(develops_with),
    )


def _table(versions: dict[str, str]) -> str:
    return markdown_table([("package", "version", "licence"), *((n, v, licence(n)) for n, v in versions.items())], 3)


def main() -> None:
    """Write both."""
    BILL.parent.mkdir(exist_ok=True)
    BILL.write_text(package_bill(), encoding="utf-8")
    DOCUMENT.write_text(document(), encoding="utf-8")
    print(f"written: {DOCUMENT.relative_to(PROJECT)}, {BILL.relative_to(PROJECT)}")


if __name__ == "__main__":
    main()
