"""A slice of `make fuzz-serial` on the device's side; and its fuzzers find what they should."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.firmware import harness_fuzz

SLICE = {"device-frames": 40_000, "device-states": 15_000, "device-loader": 100_000}
PLANTED = {
    "device-frames": ("app/main.c", "count > bytes - offset", "count > bytes - offset + 100u"),
    "device-loader": ("boot/an3155.c", "bytes <= TR_IMAGE_BYTES - offset", "bytes <= TR_IMAGE_BYTES"),
}


@pytest.mark.parametrize("part", harness_fuzz.PARTS)
def test_a_slice_of_hostile_bytes_finds_nothing(part: str, tmp_path: Path) -> None:
    harness_fuzz.run(harness_fuzz.PARTS[part](tmp_path), 0, SLICE[part])


@pytest.mark.parametrize("part", PLANTED)
def test_a_check_that_is_left_out_is_found(part: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name, right, wrong = PLANTED[part]
    real = harness_fuzz.FIRMWARE
    copy = tmp_path / "firmware"
    for folder in ("app", "boot", "src"):
        for path in (real / folder).iterdir():
            target = copy / folder / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(path)
    text = (real / name).read_text(encoding="utf-8")
    assert right in text
    (copy / name).unlink()
    (copy / name).write_text(text.replace(right, wrong), encoding="utf-8")
    monkeypatch.setattr(harness_fuzz, "FIRMWARE", copy)
    program = harness_fuzz.PARTS[part](tmp_path)
    with pytest.raises(AssertionError, match=r"AddressSanitizer|runtime error|in execution"):
        harness_fuzz.run(program, 0, SLICE[part])
