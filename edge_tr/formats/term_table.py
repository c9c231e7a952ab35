"""Packed weight tables: how one layer's weights lie in flash.

A table is a `TableHeader` followed by its payload. Every layout begins with
`rows + 1` little-endian 32-bit row starts, in words of the layout, then the
words. A row is one output channel; the reduction axis is `depth` long.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np

from edge_tr.formats.schema import Constant, Enumeration, Field, Format, FormatError, Record

TABLE_MAGIC = Constant("TABLE_MAGIC", int.from_bytes(b"TRWT", "little"), "First word of a table, 'TRWT'.")
TABLE_VERSION = Constant("TABLE_VERSION", 1, "Version of the table format.")
NO_TERM = Constant("NO_TERM", 15, "Exponent of a term word that carries no term (an empty group's only word).")
MAX_GROUP = Constant("MAX_GROUP", 256, "Largest group size: TermWord.index counts within a group.")

_LAYOUTS = (  # with the type of a word
    ("<u2", Constant("TERMS", 0, "16-bit TermWords, group after group, largest term of a group first.")),
    ("<u2", Constant("PLANES", 1, "16-bit offsets into pre-shifted activations, highest exponent first.")),
    ("<i1", Constant("INT8", 2, "Plain int8 weights, for the multiply baseline.")),
    ("<u1", Constant("LISTS", 3, "Bytes: runs of element numbers, exponent after exponent, each behind a ListRun.")),
    (
        "<i1",
        Constant("FOURS", 4, "int8 weights of four rows, two elements: 0.0 1.0 0.1 1.1 2.0 3.0 2.1 3.1 (row.element)."),
    ),
    (
        "<i1",
        Constant("FOURS_APART", 7, "As FOURS, but window rows rounded up to four elements, of these 0 2, then 1 3."),
    ),
    ("<i1", Constant("FOURS_JOINT", 8, "As FOURS_APART, but two rows' weights one halfword, first + 256 * second.")),
    (
        "<u1",
        Constant("TWINS", 5, "Bytes: the order of elements, then weights + 128 in blocks of four rows, four elements."),
    ),
    (
        "<u1",
        Constant("LANES", 9, "Bytes: rows two by two, runs of units of two elements, 0.0 1.0 0.1 1.1 (row.element)."),
    ),
    ("<i2", Constant("INT16", 10, "Plain int16 weights, which nine bits hold.")),
    (
        "<i2",
        Constant(
            "WINOGRAD", 11, "3x3 windows of four rows as 4x4 points, int16: of each point two channels of all four."
        ),
    ),
    (
        "<u1",
        Constant("SUBSETS", 6, "Bytes: by SUBSET_ROWS rows, then two SUBSET_ELEMENTS elements, then row: bit planes."),
    ),
)
LAYOUT = Enumeration("TableLayout", "What the payload's words are.", tuple(layout for _, layout in _LAYOUTS))

TERM_WORD = Record(
    "TermWord",
    "One signed power of two of one weight: (-1)^sign * 2^exponent at `index` of its group.",
    (
        Field("index", 8, "Element within the group, 0 to group - 1."),
        Field("exponent", 4, "0 to 8; NO_TERM if the group is empty."),
        Field("sign", 1, "1 if the term is negative."),
        Field("last", 1, "1 on the last word of a group."),
        Field("reserved", 2, "Zero."),
    ),
)

PLANE_ROW = Record(
    "PlaneRow",
    "First word of a row in layout PLANES; the row's other words are offsets.",
    (Field("positive", 16, "How many of the row's offsets, the first ones, are added; the rest are subtracted."),),
)

PLANE_OFFSET = Record(
    "PlaneOffset",
    "Where a pre-shifted activation lies: exponent * depth + index, so x << exponent is one load.",
    (Field("offset", 16, "Below 65536, so depth * (highest exponent + 1) is at most that."),),
)

LIST_BLOCK = Constant("LIST_BLOCK", 256, "Layout LISTS: elements of the reduction axis that one byte can tell apart.")

SUBSET_ELEMENTS = Constant("SUBSET_ELEMENTS", 8, "Layout SUBSETS: elements whose bits of one plane are one byte.")
SUBSET_ROWS = Constant("SUBSET_ROWS", 128, "Layout SUBSETS: rows that share a table of sums.")

LANE_UNITS = Constant("LANE_UNITS", 8, "Layout LANES: most units of a run.")
LANE_RUN = Record(
    "LaneRun",
    "Layout LANES: before the units of a run, after which lanes of 16 bits are taken apart.",
    (
        Field("skip", 8, "LANE_UNITS - units."),
        Field("reserved", 23, "Zero."),
        Field("last", 1, "1 on the last run of two rows."),
    ),
)

LIST_RUN = Record(
    "ListRun",
    "Layout LISTS: accumulators are doubled, `added` activations added, then `subtracted` ones subtracted.",
    (
        Field("added", 8, "How many of the bytes that follow name activations to add."),
        Field("subtracted", 8, "How many bytes behind those name activations to subtract."),
        Field("block", 8, "The named elements are LIST_BLOCK * block + byte."),
        Field("double", 3, "How often the accumulators are doubled first."),
        Field("flush", 1, "1: at the end the accumulators are added to the sums and cleared."),
        Field("shift", 3, "With flush: by how many bits the sums are shifted left after that."),
        Field("last", 1, "1 on the last run of a row."),
    ),
)

TABLE_HEADER = Record(
    "TableHeader",
    "Before every weight table.",
    (
        Field("magic", 32, "TABLE_MAGIC."),
        Field("version", 8, "TABLE_VERSION."),
        Field("layout", 8, "A TableLayout."),
        Field("group", 16, "Group size g along the reduction axis, 1 to MAX_GROUP."),
        Field("rows", 32, "Output channels."),
        Field("depth", 32, "Length of the reduction axis."),
        Field("budget", 16, "Terms kept per group, k; 0 if lossless."),
        Field("data_budget", 16, "Terms kept per activation, s; 0 if all."),
        Field("planes", 8, "Layout PLANES: how many exponents are in use, highest + 1; else 0."),
        Field("reserved", 24, "Zero."),
        Field("payload_bytes", 32, "Length of what follows the header."),
        Field("crc32", 32, "CRC-32 (IEEE 802.3) of this header without this field, then the payload."),
    ),
)

FORMAT = Format(
    "Weight tables",
    __doc__ or "",
    (TABLE_MAGIC, TABLE_VERSION, NO_TERM, MAX_GROUP, LIST_BLOCK, SUBSET_ELEMENTS, SUBSET_ROWS, LANE_UNITS),
    (LAYOUT,),
    (TABLE_HEADER, TERM_WORD, PLANE_ROW, PLANE_OFFSET, LIST_RUN, LANE_RUN),
)

_WORD_DTYPE = {layout.value: dtype for dtype, layout in _LAYOUTS}


@dataclass(frozen=True)
class Table:
    """A table taken apart. `starts` [rows + 1] indexes `words`; see `TABLE_HEADER` for the rest."""

    layout: int
    group: int
    depth: int
    budget: int
    data_budget: int
    planes: int
    starts: np.ndarray
    words: np.ndarray

    @property
    def rows(self) -> int:
        return len(self.starts) - 1


def encode(table: Table) -> bytes:
    """The table's bytes, a multiple of four."""
    dtype = np.dtype(_WORD_DTYPE[table.layout])
    limits = np.iinfo(dtype)
    if table.words.size and not limits.min <= int(table.words.min()) <= int(table.words.max()) <= limits.max:
        raise FormatError(f"weight table with a word that does not fit {dtype.itemsize} bytes")
    payload = table.starts.astype("<u4").tobytes() + table.words.astype(dtype).tobytes()
    payload += bytes(-len(payload) % 4)
    header = TABLE_HEADER.pack(
        magic=TABLE_MAGIC.value,
        version=TABLE_VERSION.value,
        layout=table.layout,
        group=table.group,
        rows=table.rows,
        depth=table.depth,
        budget=table.budget,
        data_budget=table.data_budget,
        planes=table.planes,
        payload_bytes=len(payload),
    )[:-4]
    return header + zlib.crc32(payload, zlib.crc32(header)).to_bytes(4, "little") + payload


def layout_of(data: bytes) -> int:
    """A TableLayout, of an encoded table."""
    return TABLE_HEADER.unpack(data)["layout"]


def decode(data: bytes) -> Table:
    """The inverse of `encode`; FormatError on a wrong magic, version, length or CRC."""
    header = TABLE_HEADER.unpack(data)
    if header["magic"] != TABLE_MAGIC.value or header["version"] != TABLE_VERSION.value:
        raise FormatError(f"not a version {TABLE_VERSION.value} weight table")
    payload = data[TABLE_HEADER.size : TABLE_HEADER.size + header["payload_bytes"]]
    if len(payload) != header["payload_bytes"]:
        raise FormatError(f"weight table cut short: {len(payload)} of {header['payload_bytes']} payload bytes")
    if zlib.crc32(payload, zlib.crc32(data[: TABLE_HEADER.size - 4])) != header["crc32"]:
        raise FormatError("weight table with a wrong CRC-32")
    head = 4 * (header["rows"] + 1)
    if header["layout"] not in _WORD_DTYPE or head > len(payload):
        raise FormatError("weight table with an impossible header")
    starts = np.frombuffer(payload[:head], "<u4").astype(np.int64)
    dtype = np.dtype(_WORD_DTYPE[header["layout"]])
    if (np.diff(starts) < 0).any() or starts[-1] * dtype.itemsize > len(payload) - head:
        raise FormatError("weight table with impossible row starts")
    words = np.frombuffer(payload, dtype, int(starts[-1]), head)
    names = ("layout", "group", "depth", "budget", "data_budget", "planes")
    return Table(**{name: header[name] for name in names}, starts=starts, words=words)
