"""The serial link: frames between the host and the firmware.

A frame on the wire is COBS(FrameHeader, payload, CRC-32) between zero bytes
(Cheshire and Baker, 1999: no zero inside, so a zero always ends a frame and a
receiver is back in step one frame after any lost or spurious byte). The CRC-32
is IEEE 802.3's over header and payload. The host asks, the device answers with
the same sequence number and REPLY_BIT; a frame that fails its CRC is answered
by NAK, one that never arrives by nothing, and the host asks again. Every
command may be repeated: the device does the work once per loaded sample.

A model with states runs each sample once after RESET_STATE and in order, each to its end: a frame that comes again,
however late, is answered by BAD_STATE instead of a second step, and the host begins the sequence anew.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from cobs import cobs

from edge_tr.formats.schema import Constant, Enumeration, Field, Format, FormatError, Record

LINK_VERSION = Constant("LINK_VERSION", 2, "Version of frames and commands, first byte of every frame.")
REPLY_BIT = Constant("REPLY_BIT", 0x80, "Set in `command` by the device.")
MAX_PAYLOAD = Constant("MAX_PAYLOAD", 512, "Longest payload either side sends, bytes.")
ALL_LAYERS = Constant("ALL_LAYERS", 0xFFFF, "InferRequest.stop_layer of a whole inference.")
MAX_CALIBRATION = Constant("MAX_CALIBRATION", 1 << 20, "Most rounds of CALIBRATE; more would keep a slow board busy.")

COMMAND = Enumeration(
    "Command",
    "What the host asks for; the payload of request and reply in brackets.",
    (
        Constant("HELLO", 1, "Who is there? (nothing; HelloReply)"),
        Constant("LOAD_INPUT", 2, "Bytes of the sample: all input tensors, in order. (Transfer, bytes; nothing)"),
        Constant("INFER", 3, "Run the loaded sample. (InferRequest; InferReply)"),
        Constant("READ_OUTPUT", 4, "Bytes of all output tensors, in order. (Transfer; bytes)"),
        Constant("READ_LAYER", 5, "Bytes of the tensor of the layer that INFER stopped at. (Transfer; bytes)"),
        Constant("READ_DIGESTS", 6, "CRC-32 of layers' tensors from Transfer.offset on. (Transfer; u32s)"),
        Constant("READ_COST", 7, "Counter ticks of layers from Transfer.offset on. (Transfer; u64s)"),
        Constant("RESET", 8, "Answer, then restart the board. (nothing; nothing)"),
        Constant("CALIBRATE", 9, "Time a loop of `sample` rounds, at most MAX_CALIBRATION. (nothing; InferReply)"),
        Constant(
            "RESET_STATE",
            10,
            "Of a model with states: give them their initial values, and let samples run from `sample` on, one after "
            "the other. (nothing; nothing)",
        ),
        Constant("AUTHENTICATE", 32, "An agent's token, before anything else that it answers. (bytes; nothing)"),
        Constant(
            "WRITE_REGISTER", 64, "Of an accelerator behind a serial line: set a register. (RegisterAccess; nothing)"
        ),
        Constant("READ_REGISTER", 65, "The same: a register's value. (RegisterAccess; u32)"),
        Constant(
            "SEND_STREAM",
            66,
            "Bytes for the accelerator's input stream from Transfer.offset on, in beats of eight; the last of them "
            "ends a packet if Transfer.layer is not 0. Taken whole if they are next and there is room, else not; how "
            "many bytes were taken since FLUSH_STREAMS. (Transfer, bytes; u32)",
        ),
        Constant(
            "RECEIVE_STREAM",
            67,
            "Bytes of the accelerator's output stream from Transfer.offset on, as many beats of eight as are there and "
            "wanted; those before are forgotten. (Transfer; bytes)",
        ),
        Constant("FLUSH_STREAMS", 68, "Forget what is in both streams, and count from 0. (nothing; nothing)"),
    ),
)

STATUS = Enumeration(
    "Status",
    "How it went.",
    (
        Constant("OK", 0, "Done."),
        Constant("NAK", 1, "The frame's CRC or length was wrong: send it again."),
        Constant("BAD_COMMAND", 2, "No such command."),
        Constant("BAD_ARGUMENT", 3, "A payload of the wrong length, or an offset or layer out of range."),
        Constant("BAD_STATE", 4, "The sample is not loaded, or not run, or another one is, or another one is next."),
        Constant("BAD_VERSION", 5, "Frames of another LINK_VERSION."),
        Constant("BAD_TABLE", 6, "The model in flash is not as it was built: flash the board again."),
        Constant("DENIED", 32, "An agent's token was not given, or is another one."),
    ),
)

COUNTER = Enumeration(
    "Counter",
    "What the device counts with; chosen at start-up after it was seen to move.",
    (
        Constant("NONE", 0, "Nothing that moves."),
        Constant("CYCLES", 1, "Core clock cycles (DWT CYCCNT or SysTick)."),
        Constant("TIMER", 2, "A timer of ticks_hz, under an emulator in virtual time."),
        Constant("INSTRUCTIONS", 3, "Retired instructions (RISC-V minstret)."),
    ),
)

FRAME_HEADER = Record(
    "FrameHeader",
    "Begins every frame.",
    (
        Field("version", 8, "LINK_VERSION."),
        Field("command", 8, "A Command, with REPLY_BIT from the device."),
        Field("status", 8, "A Status; OK in requests."),
        Field("reserved", 8, "Zero."),
        Field("sequence", 16, "Chosen by the host, echoed."),
        Field("length", 16, "Bytes of payload."),
        Field("sample", 32, "Index of the sample in the host's data, echoed."),
    ),
)

HELLO_REPLY = Record(
    "HelloReply",
    "Which firmware answers.",
    (
        Field("table_version", 8, "TABLE_VERSION the firmware was built with."),
        Field("counter", 8, "A Counter."),
        Field("layers", 16, "Layers that INFER runs."),
        Field("max_payload", 16, "Longest payload the device takes."),
        Field("levels", 8, "Budgets that INFER can choose from, 1 or more."),
        Field("reserved", 8, "Zero."),
        Field("input_bytes", 32, "Size of all input tensors."),
        Field("output_bytes", 32, "Size of all output tensors."),
        Field("ticks_hz", 32, "Rate of the counter."),
        Field("board_id", 32, "CRC-32 of the board's name."),
        Field("build_id", 64, "As in ImageHeader."),
        Field("model_sha256", 256, "SHA-256 of the .tflite file.", is_bytes=True),
    ),
)

TRANSFER = Record(
    "Transfer",
    "Which part of a tensor or list.",
    (
        Field("offset", 32, "First byte, or first layer."),
        Field("count", 16, "How many bytes or layers are wanted or follow."),
        Field("layer", 16, "READ_LAYER: whose output."),
    ),
)

REGISTER_ACCESS = Record(
    "RegisterAccess",
    "One of the accelerator's registers.",
    (
        Field("register", 32, "An AccelRegister."),
        Field("value", 32, "What to write; ignored in READ_REGISTER."),
    ),
)

INFER_REQUEST = Record(
    "InferRequest",
    "How far to run, and with which budget.",
    (
        Field("stop_layer", 16, "Last layer to run, or ALL_LAYERS."),
        Field("digests", 8, "1: also compute the CRC-32 of each layer's tensor."),
        Field("level", 8, "Which budget, 0 (fewest terms) to HelloReply.levels - 1; it stays until the next INFER."),
    ),
)

INFER_REPLY = Record(
    "InferReply",
    "What it cost.",
    (Field("ticks", 64, "Counter ticks from the first layer's start to the last one's end."),),
)

FORMAT = Format(
    "Serial link",
    __doc__ or "",
    (LINK_VERSION, REPLY_BIT, MAX_PAYLOAD, ALL_LAYERS, MAX_CALIBRATION),
    (COMMAND, STATUS, COUNTER),
    (FRAME_HEADER, HELLO_REPLY, TRANSFER, REGISTER_ACCESS, INFER_REQUEST, INFER_REPLY),
)


@dataclass(frozen=True)
class Frame:
    """One request or reply. `payload` is at most MAX_PAYLOAD bytes."""

    command: int
    sequence: int
    sample: int = 0
    status: int = STATUS.OK
    payload: bytes = b""
    version: int = LINK_VERSION.value


def encode(frame: Frame) -> bytes:
    """Bytes on the wire, delimiters included."""
    if len(frame.payload) > MAX_PAYLOAD.value:
        raise FormatError(f"payload of {len(frame.payload)} bytes, at most {MAX_PAYLOAD.value} fit a frame")
    body = FRAME_HEADER.pack(
        version=frame.version,
        command=frame.command,
        status=frame.status,
        sequence=frame.sequence,
        length=len(frame.payload),
        sample=frame.sample,
    )
    body += frame.payload
    return b"\0" + cobs.encode(body + zlib.crc32(body).to_bytes(4, "little")) + b"\0"


def decode(wire: bytes) -> Frame:
    """The frame between two delimiters (not included); FormatError if damaged."""
    try:
        body = cobs.decode(wire)
    except cobs.DecodeError as error:
        raise FormatError(f"damaged frame: {error}") from error
    if len(body) < FRAME_HEADER.size + 4 or zlib.crc32(body[:-4]) != int.from_bytes(body[-4:], "little"):
        raise FormatError("damaged frame: wrong CRC-32")
    header = FRAME_HEADER.unpack(body)
    payload = body[FRAME_HEADER.size : -4]
    if header["length"] != len(payload) or len(payload) > MAX_PAYLOAD.value:
        raise FormatError("damaged frame: wrong length")
    names = ("command", "sequence", "sample", "status", "version")
    return Frame(**{name: header[name] for name in names}, payload=payload)
