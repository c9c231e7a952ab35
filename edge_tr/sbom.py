"""Software bills of materials: CycloneDX 1.6 as JSON (ECMA-424). The same content gives the same bytes: no date, no
serial number."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from edge_tr import __version__

OURS = "Apache-2.0"
GCC_RUNTIME = "GPL-3.0-or-later WITH GCC-exception-3.1"
"""Of libgcc and GCC's start files: what is linked with them has whatever licence its authors choose."""


@dataclass(frozen=True)
class Component:
    """One thing that is delivered.

    kind     CycloneDX's type: "file", "library", "firmware", "machine-learning-model", ...
    licence  an SPDX expression; empty where it is not known, or the user's to say
    sha256   of its content, in hex; empty where there is no one file
    purl     its package URL, if it is a package
    facts    anything else, by name
    """

    kind: str
    name: str
    version: str = ""
    licence: str = ""
    sha256: str = ""
    purl: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def reference(self) -> str:
        """What identifies it in its bill."""
        return self.purl or f"{self.kind}:{self.name}" + (f"@{self.version}" if self.version else "")

    def fields(self) -> dict[str, object]:
        """As CycloneDX writes it; what is empty is left out."""
        values = {
            "type": self.kind,
            "bom-ref": self.reference,
            "name": self.name,
            "version": self.version,
            "hashes": [{"alg": "SHA-256", "content": self.sha256}] if self.sha256 else [],
            "licenses": [{"expression": self.licence}] if self.licence else [],
            "purl": self.purl,
            "properties": [{"name": f"edge-tr:{name}", "value": value} for name, value in self.facts.items()],
        }
        return {name: value for name, value in values.items() if value}


def bill(subject: Component, parts: Iterable[Component]) -> str:
    """The bill of `subject`, which is made of `parts`; these come sorted, and each once."""
    by_reference = {part.reference: part for part in parts}
    found = [by_reference[name] for name in sorted(by_reference)]
    tool = Component("application", "edge-tr", __version__, OURS)
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"tools": {"components": [tool.fields()]}, "component": subject.fields()},
        "components": [part.fields() for part in found],
        "dependencies": [{"ref": subject.reference, "dependsOn": [part.reference for part in found]}],
    }
    return json.dumps(document, indent=2) + "\n"
