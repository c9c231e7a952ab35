"""A slice of `make fuzz-serial` on the host's side; and what it must never let pass is not let pass."""

from __future__ import annotations

import dataclasses

import pytest

from edge_tr.errors import DeviceError
from edge_tr.target.link import Link
from tests import hostile, reliability

SLICE = {"host-link": 3000, "host-loader": 60}


@pytest.mark.parametrize("part", hostile.PARTS)
def test_a_slice_of_hostile_devices_ends_every_time(part: str) -> None:
    for seed in range(SLICE[part]):
        hostile.PARTS[part](seed)


def test_a_host_that_never_gives_up_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def for_ever(link: Link) -> None:
        while True:
            try:
                link.reset()
            except DeviceError:
                continue

    monkeypatch.setattr(hostile, "MOST_READS", 10_000)
    monkeypatch.setattr(Link, "hello", for_ever)
    with pytest.raises(hostile.Hang):
        hostile.link_execution(1)


def test_a_host_that_fails_otherwise_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_tr.target.exchange._payload", lambda request, reply: reply.payload)
    with pytest.raises((Exception, hostile.Hang)):
        for seed in range(500):
            hostile.link_execution(seed)


# --- the page that campaigns write ------------------------------------------------------------


def test_the_page_is_fresh() -> None:
    assert reliability.PAGE.read_text(encoding="utf-8") == reliability.page(), "run make reliability"


def test_every_file_of_results_is_on_the_page() -> None:
    files = {path.stem for path in reliability.RESULTS.glob("*.json")}
    assert files <= {section.name for section in reliability.SECTIONS}


def test_a_row_takes_the_place_of_an_older_one_about_the_same(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reliability, "RESULTS", tmp_path)
    row = reliability.Row("one", 1000, "tries", 0, 150, 7)
    reliability.record("fuzz", row)
    reliability.record("fuzz", dataclasses.replace(row, what="two"))
    reliability.record("fuzz", dataclasses.replace(row, tried=2000))
    assert [(old.what, old.tried) for old in reliability.load("fuzz")] == [("one", 2000), ("two", 1000)]
    assert "| one | 2,000 tries | 0 | 2 min | 7 |" in reliability.page()
