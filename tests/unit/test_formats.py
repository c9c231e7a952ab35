"""Packed formats: what is packed comes back, what does not fit is refused, every flipped bit is noticed."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from cobs import cobs
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_tr.formats import frames, image, term_table
from edge_tr.formats.emit import FORMATS
from edge_tr.formats.schema import Enumeration, Field, FormatError, Record
from edge_tr.formats.term_table import LAYOUT, TABLE_HEADER, TERM_WORD, Table

SEEDED = settings(derandomize=True, deadline=None, database=None, max_examples=100)
RECORDS = [record for item in FORMATS for record in item.records]
WORDS = [record for record in RECORDS if record.bits in (8, 16, 32)]


def by_name(record: Record) -> str:
    return record.name


@st.composite
def values_of(draw, record: Record) -> dict[str, int | bytes]:
    """Any values that fit the fields."""
    numbers = {f.name: st.integers(0, (1 << f.bits) - 1) for f in record.fields}
    texts = {f.name: st.binary(min_size=f.bits // 8, max_size=f.bits // 8) for f in record.fields if f.is_bytes}
    return {name: draw(strategy) for name, strategy in (numbers | texts).items()}


# --- records -----------------------------------------------------------------------


@pytest.mark.parametrize("record", RECORDS, ids=by_name)
@SEEDED
@given(data=st.data())
def test_records_unpack_to_what_was_packed(record, data):
    values = data.draw(values_of(record))
    packed = record.pack(**values)
    assert len(packed) == record.size
    assert record.unpack(packed + b"rest") == values
    assert record.pack(**record.unpack(packed)) == packed


@pytest.mark.parametrize("record", RECORDS, ids=by_name)
def test_every_field_covers_its_own_bits_and_together_they_cover_all(record):
    alone = []
    for item in record.fields:
        full = b"\xff" * (item.bits // 8) if item.is_bytes else (1 << item.bits) - 1
        alone.append(int.from_bytes(record.pack(**{item.name: full}), "little"))
    assert sum(alone) == (1 << record.bits) - 1
    assert [value.bit_count() for value in alone] == [item.bits for item in record.fields]


@pytest.mark.parametrize("record", WORDS, ids=by_name)
@SEEDED
@given(data=st.data())
def test_words_pack_as_records_do(record, data):
    rows = data.draw(st.lists(values_of(record), min_size=1, max_size=20))
    columns = {f.name: np.array([row[f.name] for row in rows]) for f in record.fields}
    words = record.pack_words(**columns)
    assert words.tobytes() == b"".join(record.pack(**row) for row in rows)
    for name, column in record.unpack_words(words).items():
        np.testing.assert_array_equal(column, columns[name])


def test_fields_left_out_are_zero():
    assert TERM_WORD.unpack(TERM_WORD.pack(sign=1)) == dict(index=0, exponent=0, sign=1, last=0, reserved=0)
    assert TERM_WORD.pack_words(index=np.arange(3)).tolist() == [0, 1, 2]


@pytest.mark.parametrize("record", RECORDS, ids=by_name)
def test_values_out_of_range_are_refused(record):
    for item in record.fields:
        wrong = [b"", bytes(item.bits // 8 + 1)] if item.is_bytes else [-1, 1 << item.bits, bytes(item.bits // 8)]
        for value in wrong:
            with pytest.raises(FormatError, match=f"{record.name}.{item.name}"):
                record.pack(**{item.name: value})


@pytest.mark.parametrize("record", WORDS, ids=by_name)
def test_word_columns_out_of_range_are_refused(record):
    for item in record.fields:
        for value in (-1, 1 << item.bits):
            with pytest.raises(FormatError, match=f"{record.name}.{item.name}"):
                record.pack_words(**{item.name: np.array([0, value])})


def test_unknown_fields_and_short_data_are_refused():
    with pytest.raises(FormatError, match="TermWord has no field weight"):
        TERM_WORD.pack(weight=1)
    for size in range(TABLE_HEADER.size):
        with pytest.raises(FormatError, match=f"needs 32 bytes, got {size}"):
            TABLE_HEADER.unpack(bytes(size))


@pytest.mark.parametrize(
    "declare",
    [
        lambda: Field("none", 0, ""),
        lambda: Field("wide", 65, ""),
        lambda: Field("text", 12, "", is_bytes=True),
        lambda: Record("Odd", "", (Field("a", 7, ""),)),
        lambda: Record("Twice", "", (Field("a", 8, ""), Field("a", 8, ""))),
    ],
)
def test_impossible_declarations_are_refused(declare):
    with pytest.raises(ValueError, match=r"field|record"):
        declare()


def test_members_of_an_enumeration_have_names_and_numbers():
    for item in (e for f in FORMATS for e in f.enumerations):
        assert len({m.value for m in item.members}) == len({m.name for m in item.members}) == len(item.members)
        assert all(getattr(item, m.name) == m.value and item.name_of(m.value) == m.name for m in item.members)
    assert frames.STATUS.name_of(77) == "77"
    with pytest.raises(AttributeError, match="Status has no member FINE"):
        assert frames.STATUS.FINE
    assert isinstance(frames.STATUS, Enumeration)


# --- weight tables --------------------------------------------------------------------


@st.composite
def any_tables(draw) -> Table:
    layout = draw(st.sampled_from([m.value for m in LAYOUT.members]))
    limits = {LAYOUT.INT8: (-128, 127), LAYOUT.FOURS: (-128, 127), LAYOUT.LISTS: (0, 255)}
    limits |= {LAYOUT.FOURS_APART: (-128, 127), LAYOUT.FOURS_JOINT: (-128, 127)}
    limits |= dict.fromkeys((LAYOUT.INT16, LAYOUT.WINOGRAD), (-32768, 32767))
    limits |= {LAYOUT.LANES: (0, 255), LAYOUT.TWINS: (0, 255), LAYOUT.SUBSETS: (0, 255)}
    low, high = limits.get(layout, (0, 0xFFFF))
    rows = draw(st.lists(st.lists(st.integers(low, high), max_size=9), min_size=1, max_size=6))
    starts = np.cumsum([0, *map(len, rows)])
    words = np.array([word for row in rows for word in row])
    header = {name: draw(st.integers(0, 0xFFFF)) for name in ("group", "budget", "data_budget")}
    depth, planes = draw(st.integers(0, 0xFFFFFFFF)), draw(st.integers(0, 8))
    return Table(layout, **header, depth=depth, planes=planes, starts=starts, words=words)


@SEEDED
@given(table=any_tables())
def test_tables_decode_to_what_was_encoded(table):
    data = term_table.encode(table)
    back = term_table.decode(data)
    assert len(data) % 4 == 0
    np.testing.assert_array_equal(back.starts, table.starts)
    np.testing.assert_array_equal(back.words, table.words)
    names = ("layout", "group", "depth", "budget", "data_budget", "planes", "rows")
    assert [getattr(back, n) for n in names] == [getattr(table, n) for n in names]
    assert term_table.encode(back) == data


def small_table() -> bytes:
    words = TERM_WORD.pack_words(index=[0, 3, 0], exponent=[7, 2, 15], sign=[0, 1, 0], last=[0, 1, 1])
    return term_table.encode(Table(LAYOUT.TERMS, 8, 4, 2, 0, 0, np.array([0, 2, 3]), words))


def flipped_bits(data: bytes):
    for bit in range(8 * len(data)):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        yield bytes(damaged)


def test_every_flipped_bit_of_a_table_is_noticed():
    for damaged in flipped_bits(small_table()):
        with pytest.raises(FormatError):
            term_table.decode(damaged)


def test_a_table_cut_anywhere_is_noticed():
    data = small_table()
    for size in range(len(data)):
        with pytest.raises(FormatError):
            term_table.decode(data[:size])
    assert term_table.encode(term_table.decode(data + b"what follows it in flash")) == data


@pytest.mark.parametrize(
    ("offset", "value"), [("rows", 7), ("rows", 0xFFFFFFFF), ("layout", 250)], ids=["rows", "all rows", "layout"]
)
def test_an_impossible_header_with_a_right_crc_is_refused(offset, value):
    data = small_table()
    header = TABLE_HEADER.unpack(data) | {offset: value, "crc32": 0}
    head, payload = TABLE_HEADER.pack(**header)[:-4], data[TABLE_HEADER.size :]
    with pytest.raises(FormatError, match="impossible header"):
        term_table.decode(head + zlib.crc32(head + payload).to_bytes(4, "little") + payload)


@pytest.mark.parametrize("starts", [[0, 3, 2], [0, 2, 99]])
def test_impossible_row_starts_are_refused(starts):
    data = term_table.encode(Table(LAYOUT.TERMS, 8, 4, 2, 0, 0, np.array(starts), np.zeros(3)))
    with pytest.raises(FormatError, match="impossible row starts"):
        term_table.decode(data)


# --- frames ------------------------------------------------------------------------------


def header_values() -> dict:
    return dict(
        command=st.integers(0, 255),
        sequence=st.integers(0, 0xFFFF),
        sample=st.integers(0, 0xFFFFFFFF),
        status=st.integers(0, 255),
        version=st.integers(0, 255),
    )


PAYLOADS = st.one_of(
    st.binary(max_size=frames.MAX_PAYLOAD.value),
    st.lists(st.sampled_from(b"\0\x01\xff"), max_size=frames.MAX_PAYLOAD.value).map(bytes),
    st.builds(bytes.ljust, st.just(b""), st.integers(225, 270), st.sampled_from([b"\0", b"\x01", b"\xff"])),
)


@SEEDED
@given(frame=st.builds(frames.Frame, payload=PAYLOADS, **header_values()))
def test_frames_decode_to_what_was_encoded(frame):
    wire = frames.encode(frame)
    assert wire[0] == wire[-1] == 0 and 0 not in wire[1:-1]
    assert frames.decode(wire[1:-1]) == frame


@pytest.mark.parametrize("byte", [0, 1, 255])
def test_every_length_of_payload_survives_the_wire(byte):
    """Among them those whose body ends on either side of each COBS block of 254 bytes."""
    for length in range(frames.MAX_PAYLOAD.value + 1):
        frame = frames.Frame(1, length, payload=bytes([byte]) * length)
        assert frames.decode(frames.encode(frame)[1:-1]) == frame


def test_a_payload_that_is_too_long_is_refused():
    with pytest.raises(FormatError, match="at most 512 fit"):
        frames.encode(frames.Frame(1, 1, payload=bytes(frames.MAX_PAYLOAD.value + 1)))


def test_every_flipped_bit_of_a_frame_is_noticed():
    for damaged in flipped_bits(frames.encode(frames.Frame(2, 0x0102, 7, payload=bytes(range(20))))[1:-1]):
        with pytest.raises(FormatError):
            frames.decode(damaged)


def test_a_frame_cut_anywhere_is_noticed():
    wire = frames.encode(frames.Frame(2, 3, payload=b"\0abc\0"))[1:-1]
    for size in range(len(wire)):
        with pytest.raises(FormatError):
            frames.decode(wire[:size])


def test_a_wrong_length_with_a_right_crc_is_refused():
    body = frames.FRAME_HEADER.pack(version=1, command=1, length=3) + b"ab"
    with pytest.raises(FormatError, match="wrong length"):
        frames.decode(cobs.encode(body + zlib.crc32(body).to_bytes(4, "little")))


@SEEDED
@given(noise=st.binary(max_size=80))
def test_noise_is_never_a_frame(noise):
    with pytest.raises(FormatError):
        frames.decode(noise)


# --- firmware images ------------------------------------------------------------------------

IDENTITY = dict(load_address=0x08000000, board="some-board", build_id=0x0123456789ABCDEF, model_sha256=bytes(range(32)))


@pytest.mark.parametrize("size", [128, 129, 130, 131, 132, 1000])
def test_a_sealed_image_passes_its_check_and_keeps_the_code(size):
    code = bytearray(np.random.default_rng(size).bytes(size))
    code[64:128] = bytes(64)
    sealed = image.seal(bytes(code), **IDENTITY)
    header = image.check(sealed)
    assert len(sealed) == header["image_bytes"] == -(-size // 4) * 4
    assert sealed[:64] == code[:64] and sealed[128:size] == code[128:]
    assert header["board_id"] == image.board_id("some-board") == zlib.crc32(b"some-board")
    assert (header["build_id"], header["model_sha256"]) == (IDENTITY["build_id"], IDENTITY["model_sha256"])


def test_every_flipped_bit_of_an_image_is_noticed():
    for damaged in flipped_bits(image.seal(bytes(140), **IDENTITY)):
        with pytest.raises(FormatError):
            image.check(damaged)


def test_an_image_of_another_length_is_noticed():
    sealed = image.seal(bytes(140), **IDENTITY)
    for other in [*(sealed[:size] for size in range(len(sealed))), sealed + bytes(4)]:
        with pytest.raises(FormatError):
            image.check(other)


@pytest.mark.parametrize("code", [b"", bytes(124), bytes(64) + b"\1" + bytes(100), bytes(127) + b"\1"])
def test_an_image_without_space_for_its_header_is_refused(code):
    with pytest.raises(FormatError, match="no empty space"):
        image.seal(code, **IDENTITY)
