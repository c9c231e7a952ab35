"""The installed interpreter, probed once."""

from __future__ import annotations

import pytest

from edge_tr.golden.probe import ReferenceInfo, reference_info


@pytest.fixture(scope="session")
def reference() -> ReferenceInfo:
    return reference_info()
