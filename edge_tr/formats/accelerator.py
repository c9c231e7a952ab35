"""The term accelerator's program: memories, words, commands and registers.

A program is a set of memory images and a list of `Command`s. Everything the
hardware does is decided when the program is scheduled (`edge_tr.accel`):
words are played, not interpreted.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from edge_tr.formats.schema import Constant, Enumeration, Field, Format, Record

ACCEL_ID = Constant("ACCEL_ID", int.from_bytes(b"TRAC", "little"), "Register ID, 'TRAC'.")
ACCEL_VERSION = Constant("ACCEL_VERSION", 3, "Version of registers, commands and words.")
BANKS = Constant("ACCEL_BANKS", 3, "Banks of a column's data memory, each with three read ports.")
ENTRIES = Constant("ACCEL_ENTRIES", 32, "Values in each bank of a column's data memory.")
LANES = Constant("ACCEL_LANES", 9, "Terms that an element adds in a cycle: three from each bank.")
VALUE_BITS = Constant("ACCEL_VALUE_BITS", 8, "Activations are int8, in memory and in the term array.")
SUM_BITS = Constant("ACCEL_SUM_BITS", 24, "Width of accumulators; sums wrap on the way and must fit at the end.")
TABLE_VALUES = Constant("ACCEL_TABLE_VALUES", 256, "Values of an ADD table.")
TABLE_FRACTION = Constant("ACCEL_TABLE_FRACTION", 20, "Fraction bits of a value of an ADD table.")
TABLE_BITS = Constant("ACCEL_TABLE_BITS", 31, "Bits of a value of an ADD table, signed.")
NO_ROUNDING = Constant("ACCEL_NO_ROUNDING", 63, "ChannelParameter.rounding: nothing is added.")
NO_STOP = Constant("ACCEL_NO_STOP", 0xFFFF, "Register STOP: run to the END command.")
FIXED = (
    ACCEL_ID, ACCEL_VERSION, BANKS, ENTRIES, LANES, VALUE_BITS, SUM_BITS, TABLE_VALUES, TABLE_FRACTION, TABLE_BITS,
    NO_ROUNDING, NO_STOP,
)  # fmt: skip
"""The same in all configurations."""

OPCODE = Enumeration(
    "Opcode",
    "What a Command does.",
    (
        Constant("END", 0, "The inference is done."),
        Constant("INPUT", 1, "Receive `tiles` words of int8 at `dst`."),
        Constant("OUTPUT", 2, "Send `tiles` words of int8 from `src`."),
        Constant("LOAD", 3, "Receive load packets up to an END packet: weights that stay in DDR."),
        Constant("ARRAY", 4, "Play `count` TermWords from `weights` for each of `tiles` column tiles."),
        Constant("DENSE", 5, "Fully connected: `tiles` blocks of 64 results from `count` x `pixels` values at `src`."),
        Constant("SUM", 6, "Add up the gathered columns of each of `count` channels."),
        Constant("MAXIMUM", 7, "Largest of the gathered values of each column, for each of `count` channels."),
        Constant("TABLE", 8, "Load both ADD tables: 32 dense words at `weights`, eight pairs of 32-bit values each."),
        Constant("ADD", 9, "`tiles` words: table 1 of `src` plus table 2 of `src2`."),
    ),
)

ERROR = Enumeration(
    "AccelError",
    "Register ERROR.",
    (
        Constant("NONE", 0, "No error."),
        Constant("OPCODE", 1, "A command's opcode is unknown."),
        Constant("CRC", 2, "The CRC-32 of a load stream is not that of its END packet."),
        Constant("SHORT", 3, "The input stream ended (TLAST) before all data came."),
        Constant("TIMEOUT", 4, "No stream data was taken or given for TIMEOUT cycles."),
        Constant("PACKET", 5, "A load packet's memory, address or length is not valid."),
        Constant("OVERRUN", 6, "The command memory ended without an END command."),
        Constant("RESET", 7, "The run was ended by a reset."),
    ),
)

MEMORY = Enumeration(
    "AccelMemory",
    "Where a load packet goes; in brackets the 64-bit beats of one of its words.",
    (
        Constant("COMMANDS", 1, "Command memory (4)."),
        Constant("WEIGHTS", 2, "Weight memory (9)."),
        Constant("GATHER", 3, "Gather memory (1)."),
        Constant("MASKS", 4, "Mask memory (4)."),
        Constant("PARAMETERS", 5, "Channel parameters (2)."),
        Constant("END", 255, "No data: `value` is the CRC-32 of all beats before this one."),
    ),
)

PACKET = Record(
    "LoadPacket",
    "One beat in front of a load packet's data.",
    (
        Field("memory", 8, "An AccelMemory."),
        Field("reserved", 8, "Zero."),
        Field("address", 16, "First word."),
        Field("value", 32, "How many words follow; in an END packet the CRC-32."),
    ),
)

_COMMAND_FIELDS = (
    ("opcode", 8, "An Opcode."),
    ("halves", 2, "ARRAY: halves of 32 columns in use, 1 or 2."),
    ("halves_last", 2, "The same for the last tile."),
    ("double_buffer", 1, "ARRAY: 1 if entries 16 to 31 are used in turn with 0 to 15."),
    ("each", 1, "DENSE: every result has its own parameter; they leave one a cycle."),
    ("extreme", 9, "DENSE: what the value 127 is less the zero point, or -128 if this is negative; signed."),
    ("more", 1, "OUTPUT: 1 if another OUTPUT of the run goes on with the packet; else TLAST ends it."),
    ("zero_point", 8, "Signed, of the input; ARRAY, SUM: what padding reads; DENSE: taken off each value."),
    ("tiles", 16, "Tiles, blocks or words."),
    ("count", 16, "TermWords a tile, or channels; INPUT: words dst_stride apart that come one after the other."),
    ("pixels", 16, "DENSE: values of each channel."),
    ("weights", 16, "First weight word: TermWords count twice."),
    ("gather", 16, "First gather operation."),
    ("parameters", 16, "First channel parameter."),
    (
        "src",
        16,
        "First activation word; ARRAY: if not 0, the words of an INPUT under way that the first step needs.",
    ),
    ("src2", 16, "First activation word of the second input; ARRAY: how many more of those each further step needs."),
    ("src_stride", 16, "Words from one channel to the next."),
    ("dst", 16, "First activation word of the result."),
    ("dst_stride", 16, "Words from one channel to the next."),
    ("low", 8, "Smallest result, signed."),
    ("high", 8, "Largest result, signed."),
    ("output_zero_point", 8, "Signed; ARRAY, DENSE, SUM: added to the scaled sums."),
    ("during_load", 1, "1: begins though a LOAD is under way (INPUT, LOAD and END never do); LOAD: others may."),
    ("reserved", 7, "Zero."),
    ("tag", 16, "The layer, for the host; ignored."),
)
COMMAND = Record("Command", "One step of a program.", tuple(Field(*item) for item in _COMMAND_FIELDS))
COMMAND_SIGNED = frozenset({"extreme", "zero_point", "low", "high", "output_zero_point"})
"""Fields of a Command that are signed."""

GATHER = Record(
    "GatherOp",
    "Values from two neighbouring activation words to all columns: column j, bank b gets window[j + b].",
    (
        Field("first", 6, "Where the window begins."),
        Field("address", 10, "The activation word, modulo the memory."),
        Field("stride", 10, "Words to the next channel."),
        Field("count", 6, "How many channels; each goes to the next entry."),
        Field("phase", 2, "0: 129 values; going round, 1: one word, 2, 3: the even, the odd ones of 128."),
        Field("banks", 3, "Banks to write."),
        Field("entry", 5, "First entry."),
        Field("mask", 9, "Which columns are written, and which of them with padding."),
        Field("last", 1, "End of a tile: of what one round of weights reads, or of one result."),
        Field("end", 1, "End of the list."),
        Field("reserved", 11, "Zero."),
    ),
)

ROW_TERMS = Record(
    "RowTerms",
    "Up to nine terms of one exponent for one output channel; lanes 3b to 3b + 2 read bank b.",
    (
        *(Field(f"entry{i}", 5, f"What lane {i} reads.") for i in range(9)),
        Field("pair0", 3, "Lanes 0 and 1, a PairCode."),
        Field("pair1", 3, "Lanes 3 and 4."),
        Field("pair2", 3, "Lanes 6 and 7."),
        Field("pair3", 3, "Lanes 2 and 5."),
        Field("single", 2, "Lane 8: 0 nothing, 1 plus, 2 minus."),
        Field("shift", 2, "How often the accumulator is doubled first, 0 to 2."),
        Field("reserved", 3, "Zero."),
    ),
)

PAIR_CODE = Enumeration(
    "PairCode",
    "What a pair of lanes adds; minus is the ones' complement, the missing ones are in the bias.",
    (
        Constant("NONE", 0, "Nothing."),
        Constant("PLUS", 1, "+a"),
        Constant("MINUS", 2, "~a"),
        Constant("PLUS_PLUS", 3, "a + b"),
        Constant("PLUS_MINUS", 4, "a + ~b"),
        Constant("MINUS_PLUS", 5, "~a + b"),
        Constant("MINUS_MINUS", 6, "~a + ~b"),
        Constant("SECOND", 7, "+b"),
    ),
)

TERM_CONTROL = Record(
    "TermControl",
    "The upper 32 bits of a 288-bit term word, above four RowTerms.",
    (
        Field("last_group", 1, "The last word of a group of four channels."),
        Field("last_step", 1, "The last word that reads this step's data."),
        Field("first", 1, "With last_group: the first sum of the channels; the bias is added, else the partial sum."),
        Field("final", 1, "With last_group: the sums are complete and are requantised."),
        Field("rows", 3, "With last_group: channels in the group, 1 to 4."),
        Field("reserved", 1, "Zero."),
        Field("group", 10, "With last_group: which group, so channels 4 * group and on."),
        Field("reserved2", 14, "Zero."),
    ),
)

PARAMETER = Record(
    "ChannelParameter",
    "Bias and scale of one channel: a = sum + bias; the result is (a * (low + high * 2^17) + r) / 2^(30 + 4 * shift), "
    "halves rounded up, where r is 2^rounding, or minus that for a below zero.",
    (
        Field("bias", 24, "Signed."),
        Field("low", 17, "Lower part of the multiplier."),
        Field("high", 17, "Upper part."),
        Field("shift", 3, "0 to 4."),
        Field("rounding", 6, "0 to 33; ACCEL_NO_ROUNDING: r is zero."),
        Field("reserved", 61, "Zero."),
    ),
)

REGISTER = Enumeration(
    "AccelRegister",
    "Byte offsets on AXI4-Lite; 32 bits each.",
    (
        Constant("ID", 0x00, "ACCEL_ID; read only."),
        Constant("VERSION", 0x04, "ACCEL_VERSION; read only."),
        Constant("CONTROL", 0x08, "Write AccelControl bits."),
        Constant("STATUS", 0x0C, "AccelStatus bits; read only."),
        Constant("ERROR", 0x10, "An AccelError: of the last run."),
        Constant("COMMAND", 0x14, "The command that is running, or that failed."),
        Constant("ENTRY", 0x18, "The first command: switches between programs that are loaded side by side."),
        Constant("STOP", 0x1C, "The run ends before this command; ACCEL_NO_STOP: at END."),
        Constant("TIMEOUT", 0x20, "Cycles without progress of a stream until TIMEOUT is an error; 0: none."),
        Constant("CYCLES", 0x24, "From start to the end of the run, or to now."),
        Constant("SELECT", 0x28, "Which command's STAMP to read."),
        Constant("STAMP", 0x2C, "Cycles from start to the end of the selected command."),
        Constant("INTERRUPT", 0x30, "Bit 0: interrupt enabled. It is high while done and enabled; a start clears it."),
        Constant("DUMP_ADDRESS", 0x34, "First activation word that a dump sends."),
        Constant("DUMP_COUNT", 0x38, "Words that a dump sends."),
        Constant("PROGRAM", 0x3C, "CRC-32 of the program that was loaded last; 0 if none or broken."),
    ),
)

CONTROL = Enumeration(
    "AccelControl",
    "Bits of CONTROL; one at a time.",
    (
        Constant("START", 1, "Run from ENTRY."),
        Constant("LOAD", 2, "Receive load packets."),
        Constant("DUMP", 4, "Send activation words."),
        Constant("RESET", 8, "End whatever runs; memories keep their contents."),
    ),
)

STATUS = Enumeration(
    "AccelStatus",
    "Bits of STATUS.",
    (
        Constant("BUSY", 1, "Something runs."),
        Constant("DONE", 2, "It ended; a start clears it."),
        Constant("WAITS_INPUT", 4, "The input stream is waited for."),
        Constant("WAITS_OUTPUT", 8, "The output stream is not taken."),
    ),
)


@dataclass(frozen=True)
class Configuration:
    """What an accelerator is built with: all sizes of the RTL and of the scheduler follow from these.

    columns  pixels side by side, a power of two from 16 to 64
    rows     output channels side by side, 2 or 4
    others   depths of memories, each a power of two where nothing else is said, 512 activation words or more
    """

    name: str
    columns: int
    rows: int
    activation_words: int
    weight_words: int  # any number
    gather_ops: int
    masks: int
    parameters: int
    commands: int
    partial_words: int

    def constants(self) -> dict[str, Constant]:
        """By name without ACCEL_."""
        term_bits = self.rows * ROW_TERMS.bits + TERM_CONTROL.bits
        values = (
            ("ROWS", self.rows, "Output channels computed side by side: one weight word holds so many RowTerms."),
            ("COLUMNS", self.columns, "Pixels computed side by side, and values in a word of activation memory."),
            ("OUTPUTS", self.columns // 2, "Results requantised in a cycle: half a word."),
            ("ADDERS", self.columns // 4, "Results of an ADD in a cycle: a quarter of a word."),
            ("ACTIVATION_WORDS", self.activation_words, "Depth of the activation memory."),
            ("WEIGHT_WORDS", self.weight_words, "Depth of the weight memory, in pairs of TermWord or DenseWords."),
            ("WEIGHT_BITS", 2 * term_bits, "Width of the weight memory: two term words, or one dense word."),
            ("GATHER_OPS", self.gather_ops, "Depth of the gather memory."),
            ("MASKS", self.masks, "Depth of the mask memory."),
            ("PARAMETERS", self.parameters, "Depth of the channel parameter memory."),
            ("COMMANDS", self.commands, "Depth of the command memory."),
            ("PARTIAL_WORDS", self.partial_words, "Depth of the partial sum memory, in half words of sums."),
            ("COLUMN_BITS", _bits(self.columns), "log2 of COLUMNS."),
            ("ROW_BITS", _bits(self.rows), "log2 of ROWS."),
            ("WORD_BITS", self.columns * VALUE_BITS.value, "Width of the activation memory."),
            ("ADDRESS_BITS", _bits(self.activation_words), "Of an activation word's address."),
            ("WEIGHT_ADDRESS_BITS", _bits(self.weight_words), "Of a weight word's address."),
            ("GATHER_ADDRESS_BITS", _bits(self.gather_ops), "Of a gather operation's address."),
            ("MASK_ADDRESS_BITS", _bits(self.masks), "Of a mask's address."),
            ("PARAMETER_ADDRESS_BITS", _bits(self.parameters), "Of a channel parameter's address."),
            ("COMMAND_ADDRESS_BITS", _bits(self.commands), "Of a command's address."),
            ("PARTIAL_ADDRESS_BITS", _bits(self.partial_words), "Of a partial sum word's address."),
            ("TERM_WORD_BITS", term_bits, "ROWS RowTerms and a TermControl."),
        )
        return {name: Constant(f"ACCEL_{name}", value, doc) for name, value, doc in values}

    def mask(self) -> Record:
        """A GatherMask."""
        fields = (
            ("write", "1: the column is written."),
            ("keep0", "1: bank 0 gets the value, 0: the command's zero_point (padding)."),
            ("keep1", "The same for bank 1."),
            ("keep2", "The same for bank 2."),
        )
        return Record("GatherMask", "One bit a column.", tuple(Field(n, self.columns, doc) for n, doc in fields))

    def format(self) -> Format:
        """The whole declaration."""
        return Format(
            "Term accelerator",
            "What the overlay of `--target pynq-z2` is told. The block diagram is in docs/accelerator.md.",
            (*FIXED, *self.constants().values()),
            (OPCODE, ERROR, MEMORY, PAIR_CODE, REGISTER, CONTROL, STATUS),
            (PACKET, COMMAND, GATHER, self.mask(), ROW_TERMS, TERM_CONTROL, PARAMETER),
        )


def _bits(depth: int) -> int:
    """Of an address below `depth`."""
    return (depth - 1).bit_length()


FULL = Configuration(
    "full", columns=64, rows=4, activation_words=1024, weight_words=4608, gather_ops=4096, masks=256, parameters=2048,
    commands=256, partial_words=512,
)  # fmt: skip
"""Of the pynq-z2 overlay."""
SMALL = Configuration(
    "small", columns=16, rows=2, activation_words=512, weight_words=512, gather_ops=512, masks=128, parameters=256,
    commands=64, partial_words=128,
)  # fmt: skip
"""For quick simulation of the same RTL."""
ULX3S = Configuration(
    "ulx3s", columns=16, rows=2, activation_words=1024, weight_words=8192, gather_ops=2048, masks=256, parameters=1024,
    commands=256, partial_words=512,
)  # fmt: skip
"""Of the ulx3s-85f: SMALL with as much memory as an LFE5U-85F has."""
CONFIGURATIONS = {configuration.name: configuration for configuration in (FULL, SMALL, ULX3S)}
VARIABLE = "EDGE_TR_ACCELERATOR"
CONFIGURATION = CONFIGURATIONS[os.environ.get(VARIABLE, FULL.name)]
"""What this process schedules for: FULL, unless its environment asks for another one."""

_SIZES = CONFIGURATION.constants()
ROWS, COLUMNS, OUTPUTS, ADDERS = (_SIZES[name] for name in ("ROWS", "COLUMNS", "OUTPUTS", "ADDERS"))
ACTIVATION_WORDS, WEIGHT_WORDS, WEIGHT_BITS = (_SIZES[n] for n in ("ACTIVATION_WORDS", "WEIGHT_WORDS", "WEIGHT_BITS"))
GATHER_OPS, MASKS, PARAMETERS = (_SIZES[name] for name in ("GATHER_OPS", "MASKS", "PARAMETERS"))
COMMANDS, PARTIAL_WORDS = (_SIZES[name] for name in ("COMMANDS", "PARTIAL_WORDS"))
TERM_WORD_BITS, COMMAND_ADDRESS_BITS = _SIZES["TERM_WORD_BITS"], _SIZES["COMMAND_ADDRESS_BITS"]
MASK = CONFIGURATION.mask()
FORMAT = CONFIGURATION.format()
