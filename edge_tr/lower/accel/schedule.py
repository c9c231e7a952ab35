"""One layer as commands: which terms go to which bank and step, what is gathered when, and how many cycles it takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_tr.errors import DoesNotFitError
from edge_tr.formats import accelerator as f
from edge_tr.golden.layers import INT8_VALUES, apply, requant
from edge_tr.ir.params import AddParams, ConvParams, DepthwiseParams, FullyConnectedParams, MeanParams, PoolParams
from edge_tr.lower.accel.arrival import BEATS, Arrival, pace
from edge_tr.lower.accel.gather import COLUMNS, IDLE, PADDING, cover
from edge_tr.lower.accel.image import Image
from edge_tr.lower.accel.layout import Placed
from edge_tr.lower.accel.scale import Scale, average, scale_of
from edge_tr.lower.accel.words import group_words, rows_of
from edge_tr.tr.requant import Rounding

ROWS, BANKS = f.ROWS.value, f.BANKS.value
HALF_ENTRIES = f.ENTRIES.value // 2
HALF = f.OUTPUTS.value  # columns that leave in a cycle
PARTIAL_CHANNELS = f.PARTIAL_WORDS.value // 2
PAIRS = COLUMNS // 8  # of table values in a dense word
TABLE_WORDS = f.TABLE_VALUES.value // PAIRS
GATHER_LATENCY, DRAIN, ARRAY_LATENCY = 8, 25, 17
ARRIVED = -4  # from an ARRAY command's launch until its INPUT's words count, besides their beats
TABLE_COMMAND, TABLE_LOAD, TABLE_READS = 7, TABLE_WORDS * (PAIRS + 2) - 5, TABLE_WORDS - 1
MAX_REPEAT = 63

Tap = tuple[int, int]  # ky, kx


@dataclass(frozen=True)
class Piece:
    """Taps of one kernel row that share an entry, one a bank: `taps[i]` is in bank `banks[i]`."""

    ky: int
    kxs: tuple[int, ...]
    banks: tuple[int, ...]


@dataclass(frozen=True)
class Step:
    """What one load of the data memory holds: pieces for runs of channels, from entry `entry` on."""

    loads: tuple[tuple[Piece, tuple[int, ...], int], ...]  # piece, channels, first entry


def pieces_of(kernel: tuple[int, int], stride: int, split: bool) -> list[Piece]:
    """Taps of a kernel row in threes whose windows are neighbours: all of them, or those of one parity."""
    kh, kw = kernel
    by_parity = stride == 2 or split
    sets = [range(0, kw, 2), range(1, kw, 2)] if by_parity else [range(kw)]
    pieces = []
    for ky in range(kh):
        for run in sets:
            taps = list(run)
            pieces += [
                Piece(ky, tuple(taps[i : i + 3]), (0, 1, 2)[: len(taps[i : i + 3])]) for i in range(0, len(taps), 3)
            ]
    return pieces


def conv_steps(kernel: tuple[int, int], stride: int, channels: int, split: bool, capacity: int) -> list[Step]:
    """All (piece, channel) in as few loads of `capacity` entries as they take, evenly filled."""
    if kernel == (1, 1):
        return _pointwise_steps(channels, capacity)
    pieces = pieces_of(kernel, stride, split)
    units = [(piece, channel) for piece in pieces for channel in range(channels)]
    count = -(-len(units) // capacity)
    size = -(-len(units) // count)
    steps = []
    for start in range(0, len(units), size):
        loads: list[tuple[Piece, list[int], int]] = []
        for entry, (piece, channel) in enumerate(units[start : start + size]):
            if loads and loads[-1][0] is piece:
                loads[-1][1].append(channel)
            else:
                loads.append((piece, [channel], entry))
        steps.append(Step(tuple((piece, tuple(cs), at) for piece, cs, at in loads)))
    return steps


def _pointwise_steps(channels: int, capacity: int) -> list[Step]:
    """1 x 1: channels go round the banks."""
    count = -(-channels // (capacity * BANKS))
    size = -(-channels // count)
    steps = []
    for start in range(0, channels, size):
        part = range(start, min(start + size, channels))
        loads = [(Piece(0, (0,), (b,)), tuple(part[b::BANKS]), 0) for b in range(BANKS) if part[b::BANKS]]
        steps.append(Step(tuple(loads)))
    return steps


def depthwise_steps(p: DepthwiseParams, split: bool, capacity: int) -> list[list[Step]]:
    """For each group of four output channels the loads of its taps."""
    channels = p.weights.shape[0]
    groups = []
    for first in range(0, channels, ROWS):
        sources = sorted({c // p.depth_multiplier for c in range(first, min(first + ROWS, channels))})
        pieces = pieces_of(p.kernel, p.stride[1], split)
        per_step = max(1, capacity // len(sources))
        steps = []
        for at in range(0, len(pieces), per_step):
            part = pieces[at : at + per_step]
            steps.append(Step(tuple((piece, tuple(sources), i * len(sources)) for i, piece in enumerate(part))))
        groups.append(steps)
    return groups


def places_of(step: Step) -> dict[tuple[int, int, int], tuple[int, int]]:
    """(ky, kx, channel) -> (bank, entry)."""
    return {
        (piece.ky, kx, channel): (bank, entry + i)
        for piece, channels, entry in step.loads
        for kx, bank in zip(piece.kxs, piece.banks)
        for i, channel in enumerate(channels)
    }


# --- gathering -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Geometry:
    """What a window layer needs of its input: kernel, stride, dilation, padding."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    pad: tuple[int, int]


def tile_pixels(output: Placed) -> list[np.ndarray]:
    """For each word of an output channel int64 [64, 2]: pixel (y, x) of each column, -1 if none."""
    h, w, _ = output.shape
    pixels = np.full((output.blocks * COLUMNS, 2), -1, np.int64)
    y, x = np.mgrid[:h, :w]
    pixels[output.position.ravel()] = np.stack([y.ravel(), x.ravel()], axis=1)
    return list(pixels.reshape(output.blocks, COLUMNS, 2))


def needs_of(x: Placed, g: Geometry, pixels: np.ndarray, tap: Tap, channel: int) -> np.ndarray:
    """int64 [64]: address that each column needs for a tap."""
    h, w, _ = x.shape
    iy = pixels[:, 0] * g.stride[0] + tap[0] * g.dilation[0] - g.pad[0]
    ix = pixels[:, 1] * g.stride[1] + tap[1] * g.dilation[1] - g.pad[1]
    inside = (iy >= 0) & (iy < h) & (ix >= 0) & (ix < w)
    at = (x.base + channel * x.blocks) * COLUMNS + x.position[iy.clip(0, h - 1), ix.clip(0, w - 1)]
    return np.where(pixels[:, 0] < 0, IDLE, np.where(inside, at, PADDING))


def step_ops(image: Image, x: Placed, g: Geometry, pixels: np.ndarray, step: Step) -> list[dict[str, int]]:
    """The gather operations of one step for one tile."""
    ops = []
    for piece, channels, entry in step.loads:
        needs = {b: needs_of(x, g, pixels, (piece.ky, kx), channels[0]) for kx, b in zip(piece.kxs, piece.banks)}
        gaps = set(np.diff(channels).tolist()) or {1}
        if len(gaps) > 1:
            raise ValueError("channels of a piece must be evenly spaced")
        for cut in cover(needs):
            for at in range(0, len(channels), MAX_REPEAT):
                offset = (channels[at] - channels[0]) * x.blocks
                ops.append(
                    {
                        "first": cut.first,
                        "address": (cut.address + offset) % f.ACTIVATION_WORDS.value,
                        "stride": gaps_of(gaps) * x.blocks,
                        "count": len(channels[at : at + MAX_REPEAT]),
                        "phase": cut.phase,
                        "banks": sum(1 << b for b in cut.banks),
                        "entry": entry + at,
                        "mask": image.mask(cut),
                    }
                )
    ops[-1]["last"] = 1
    return ops


def needed_words(x: Placed, g: Geometry, pixels: np.ndarray, step: Step, arrival: Arrival) -> int:
    """How many words of x must have come for one step of one tile."""
    needs = [
        needs_of(x, g, pixels, (piece.ky, kx), channel)
        for piece, channels, _ in step.loads
        for kx in piece.kxs
        for channel in channels
    ]
    at = np.stack(needs)
    return arrival.needed(at[at >= 0] // COLUMNS - x.base)


def gaps_of(gaps: set[int]) -> int:
    """The one distance between channels."""
    (gap,) = gaps
    return gap


# --- cycles --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Load:
    """One step of one tile: cycles to gather, and its groups as (words, beats to leave)."""

    gather: int
    groups: tuple[tuple[int, int], ...]


def array_cycles(loads: list[Load], double_buffer: bool, arrived: Sequence[int] = ()) -> int:
    """From launch to the end of an ARRAY command, as the hardware does it; `arrived`, by load: when its input has
    come."""
    depth = 2 if double_buffer else 1
    gathered, used, busy_until, gather_free = [], [], 0, 1
    now = 3  # first word is there
    for i, load in enumerate(loads):
        start = max(gather_free, used[i - depth] if i >= depth else 0, arrived[i] if arrived else 0)
        gather_free = start + load.gather
        gathered.append(gather_free - 1 + GATHER_LATENCY - 1)
        now = max(now, gathered[i] + 1)
        for words, beats in load.groups:
            done = max(now + words - 1, busy_until)
            busy_until = done + beats
            now = done + 1
        used.append(now - 1)
    return busy_until + ARRAY_LATENCY


# --- layers --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Planned:
    """A layer in the image: its command's index and its predicted cycles."""

    command: int
    cycles: int


def _clamp(activation: tuple[int, int], zero_point: int) -> dict[str, int]:
    low, high = activation
    return {"low": low - zero_point, "high": high - zero_point}


def _check_sums(weights: np.ndarray, bias: np.ndarray, name: str) -> None:
    reach = np.abs(weights.astype(np.int64)).sum(axis=1) * 255 + np.abs(bias.astype(np.int64))
    if reach.max(initial=0) >= 1 << (f.SUM_BITS.value - 1):
        raise DoesNotFitError(f"{name}: its sums may need more than {f.SUM_BITS.value} bits")


def window_layer(
    image: Image,
    p: ConvParams | DepthwiseParams,
    x: Placed,
    y: Placed,
    name: str,
    compact: bool,
    arrival: Arrival | None = None,
) -> Planned:
    """CONV_2D or DEPTHWISE_CONV_2D on the array; of the ways to fill the data memory the fastest, or the one with the
    fewest words. `arrival`: how x comes meanwhile; else it is there."""
    _check_sums(p.weights, p.bias, name)
    geometry = Geometry(p.kernel, p.stride, p.dilation, p.pad)
    depthwise = isinstance(p, DepthwiseParams)
    split = not _is_linear(x)
    options = []
    for double in (True, False):
        capacity = HALF_ENTRIES if double else 2 * HALF_ENTRIES
        if depthwise:
            plan = [(step, [g], i == 0, i == len(steps) - 1)
                    for g, steps in enumerate(depthwise_steps(p, split, capacity))
                    for i, step in enumerate(steps)]  # fmt: skip
        else:
            steps = conv_steps(p.kernel, p.stride[1], x.shape[2], split, capacity)
            groups = list(range(-(-p.weights.shape[0] // ROWS)))
            plan = [(step, groups, i == 0, i == len(steps) - 1) for i, step in enumerate(steps)]
        if any(not (first and final) for _, _, first, final in plan) and p.weights.shape[0] > PARTIAL_CHANNELS:
            continue
        options.append((double, plan))
    if not options:
        raise DoesNotFitError(f"{name}: more than {PARTIAL_CHANNELS} channels with sums in several parts")
    built = [_weights(p, plan, depthwise) for _, plan in options]
    tiles = tile_pixels(y)
    best = None
    for (double, plan), (words, groups, corrections) in zip(options, built):
        trial = Image()
        ops = [[step_ops(trial, x, geometry, pixels, step) for step, *_ in plan] for pixels in tiles]
        loads = _loads(ops, groups, tiles)
        waits, arrived = {}, []
        if arrival:
            needed = [needed_words(x, geometry, pixels, step, arrival) for pixels in tiles for step, *_ in plan]
            first, more = pace(needed, arrival.words)
            waits = {"src": first, "src2": more}
            arrived = [ARRIVED + BEATS * min(first + i * more, arrival.words) for i in range(len(needed))]
        cycles = array_cycles(loads, double, arrived)
        rank = (len(words), cycles) if compact else (cycles, len(words))
        if best is None or rank < best[0]:
            best = (rank, cycles, double, plan, words, corrections, waits)
    _, cycles, double, plan, words, corrections, waits = best
    ops = [op for pixels in tiles for step, *_ in plan for op in step_ops(image, x, geometry, pixels, step)]
    ops[-1]["end"] = 1
    scales = _scales(p)
    offsets = x.zero_point * p.weights.astype(np.int64).reshape(len(p.weights), -1).sum(axis=1)
    biases = [_wrapped(int(b) + c - int(o)) for b, c, o in zip(p.bias, corrections, offsets)]
    parameters = image.parameters(list(zip(scales, biases)))
    halves_last = 2 if (tiles[-1][:, 0] >= 0).sum() > HALF else 1
    command = image.command(
        opcode=f.OPCODE.ARRAY, halves=2 if len(tiles) > 1 else halves_last, halves_last=halves_last,
        double_buffer=double, tiles=len(tiles), count=len(words), weights=image.terms(words), gather=image.gather(ops),
        parameters=parameters, dst=y.base, dst_stride=y.blocks, zero_point=x.zero_point, **waits,
        **_clamp(p.activation, p.output_zero_point),
    )  # fmt: skip
    return Planned(command, cycles)


def _wrapped(bias: int) -> int:
    """The same modulo 2^24, as accumulators are, which must fit at the end only."""
    half = 1 << (f.SUM_BITS.value - 1)
    return (bias + half) % (2 * half) - half


def _is_linear(x: Placed) -> bool:
    h, w, _ = x.shape
    return bool((x.position.ravel() == np.arange(h * w)).all())


def _scales(p: ConvParams | DepthwiseParams | FullyConnectedParams) -> list[Scale]:
    rows = len(p.weights)
    multipliers, shifts = (np.broadcast_to(v, rows) for v in (p.requant.multiplier, p.requant.shift))
    reach = np.abs(p.weights.astype(np.int64)).sum(axis=1) * 255 + np.abs(p.bias.astype(np.int64))
    return [scale_of(int(m), int(s), int(r)) for m, s, r in zip(multipliers, shifts, reach)]


def _weights(
    p: ConvParams | DepthwiseParams, plan: list, depthwise: bool
) -> tuple[list[int], list[list[int]], list[int]]:
    """Term words of a tile, words of each group by step, and each channel's correction."""
    words: list[int] = []
    lengths, corrections = [], [0] * len(p.weights)
    kw, channels = p.kernel[1], 1 if depthwise else p.input_shape[2]
    for step, groups, first, final in plan:
        places = places_of(step)
        outputs = [o for g in groups for o in range(g * ROWS, min(g * ROWS + ROWS, len(p.weights)))]
        keys = [[k for k in places if not depthwise or k[2] == o // p.depth_multiplier] for o in outputs]
        index = np.array([[(ky * kw + kx) * channels + (0 if depthwise else c) for ky, kx, c in row] for row in keys])
        chosen = p.weights[np.array(outputs)[:, None], index]
        rows = dict(zip(outputs, rows_of(chosen, [[places[k] for k in row] for row in keys])))
        counts = []
        for g in groups:
            members = [rows[o] for o in range(g * ROWS, min(g * ROWS + ROWS, len(p.weights)))]
            control = {"last_group": 1, "last_step": g == groups[-1], "first": first, "final": final,
                       "rows": len(members), "group": g}  # fmt: skip
            part = group_words(members, control)
            counts.append((len(part), len(members)))
            words += part
        for o, row in rows.items():
            corrections[o] += row.correction
        lengths.append(counts)
    return words, lengths, corrections


def _loads(ops: list, groups: list, tiles: list[np.ndarray]) -> list[Load]:
    loads = []
    for i, tile_ops in enumerate(ops):
        halves = 2 if i + 1 < len(tiles) or (tiles[i][:, 0] >= 0).sum() > HALF else 1
        for step, counts in zip(tile_ops, groups):
            gather = sum(op["count"] for op in step)
            loads.append(Load(gather, tuple((words, rows * halves) for words, rows in counts)))
    return loads


def dense_layer(
    image: Image, p: FullyConnectedParams, x: Placed, y: Placed, name: str, pieces: bool = False
) -> Planned:
    """FULLY_CONNECTED: 64 outputs side by side, one input a cycle; the bias as three more inputs, 1, 2^8 and 2^16.

    pieces  each 64 outputs are a command, so that their weights may be streamed
    """
    scales = _scales(p)
    each = len(set(scales)) > 1
    reach = np.abs(p.weights.astype(np.int64)).sum(axis=1) * 255 + np.abs(p.bias.astype(np.int64))
    if reach.max() >= 1 << 24 or np.abs(p.bias.astype(np.int64)).max() >= (1 << 23) - (1 << 15) - 128:
        raise DoesNotFitError(f"{name}: its sums may need more than 25 bits")
    h, w, c = x.shape
    if x.vector:
        order, channels, pixels, stride = np.arange(p.depth), 1, p.depth, 0
    else:
        at = np.argsort(x.position.ravel())
        order = (at[None, :] * c + np.arange(c)[:, None]).ravel()
        channels, pixels, stride = c, h * w, x.blocks
    rows = p.weights[:, order].T.astype(np.int64)  # [inputs, units]
    bias = p.bias.astype(np.int64)
    low = ((bias + 128) & 255) - 128
    middle = (((bias - low >> 8) + 128) & 255) - 128
    rows = np.concatenate([rows, [low], [middle], [(bias - low - (middle << 8)) >> 16]])
    blocks = -(-p.units // COLUMNS)
    padded = np.zeros((len(rows), blocks * COLUMNS), np.int64)
    padded[:, : p.units] = rows
    data = padded.astype(np.int8).view(np.uint8).reshape(len(rows), blocks, COLUMNS).transpose(1, 0, 2)
    words = [[int.from_bytes(row.tobytes(), "little") for row in block] for block in data]
    parameters = image.parameters([(scale, 0) for scale in (scales if each else scales[:1])])
    pause = COLUMNS + 8 if each else 7  # until the next block may begin
    step, cycles = 1 if pieces else blocks, 0
    for first in range(0, blocks, step):
        command = image.command(
            opcode=f.OPCODE.DENSE, tiles=step, count=channels, pixels=pixels, each=each,
            weights=image.dense([word for block in words[first : first + step] for word in block]),
            parameters=parameters + (first * COLUMNS if each else 0), src=x.base, src_stride=stride,
            dst=y.base + first, **_clamp(p.activation, p.output_zero_point),
        )  # fmt: skip
        cycles += step * (len(rows) + pause) - (0 if each else 7) + DRAIN
    return Planned(command, cycles)


def sum_layer(image: Image, p: PoolParams | MeanParams, x: Placed, y: Placed, name: str) -> Planned:
    """The average over all pixels of each channel; the result is a vector."""
    h, w, c = x.shape
    count = h * w
    if isinstance(p, MeanParams):
        scale = scale_of(int(p.requant.multiplier[0]), int(p.requant.shift[0]), 255 * count)
        bias, clamp = 0, _clamp((-128, 127), p.output_zero_point)
    else:
        scale, bias, clamp = average(count, -x.zero_point), count * x.zero_point, _clamp(p.activation, x.zero_point)
    if 255 * count + abs(bias) >= 1 << (f.SUM_BITS.value - 1):
        raise DoesNotFitError(f"{name}: the sum of {count} values")
    ops = []
    for block, pixels in enumerate(tile_pixels(x)):
        needs = {0: np.where(pixels[:, 0] < 0, PADDING, (x.base + block) * COLUMNS + np.arange(COLUMNS))}
        (cut,) = cover(needs)
        ops.append({"first": cut.first, "address": cut.address, "count": 1, "banks": 1, "mask": image.mask(cut)})
    ops[-1] |= {"last": 1, "end": 1}
    command = image.command(
        opcode=f.OPCODE.SUM, count=c, gather=image.gather(ops), parameters=image.parameters([(scale, bias)]),
        src_stride=x.blocks, dst=y.base, **clamp,
    )  # fmt: skip
    return Planned(command, c * len(ops) + DRAIN)


def maximum_layer(image: Image, p: PoolParams, x: Placed, y: Placed, name: str) -> Planned:
    """MAX_POOL_2D."""
    if p.activation != (-128, 127) and p.activation[0] > -128 and x.zero_point != p.activation[0]:
        raise DoesNotFitError(f"{name}: a maximum with an activation of its own")
    geometry = Geometry(p.kernel, p.stride, (1, 1), p.pad)
    ops = []
    for pixels in tile_pixels(y):
        part = []
        for ky in range(p.kernel[0]):
            for kx in range(p.kernel[1]):
                need = needs_of(x, geometry, pixels, (ky, kx), 0)
                if (need >= 0).any():
                    part += cover({0: np.where(need == PADDING, IDLE, need)})
        ops += [
            {"first": cut.first, "address": cut.address, "count": 1, "phase": cut.phase, "banks": 1,
             "mask": image.mask(cut)} for cut in part
        ]  # fmt: skip
        ops[-1]["last"] = 1
    ops[-1]["end"] = 1
    command = image.command(
        opcode=f.OPCODE.MAXIMUM, count=x.shape[2], gather=image.gather(ops), src_stride=x.blocks, dst=y.base,
        dst_stride=y.blocks,
    )  # fmt: skip
    return Planned(command, x.shape[2] * len(ops) + DRAIN)


def table_words(first: np.ndarray, second: np.ndarray) -> list[int]:
    """int64 [256] each, by the low byte of x - zero point: dense words."""
    pairs = (first.astype(np.int64) & 0x7FFFFFFF) | (second.astype(np.int64) & 0x7FFFFFFF) << 32
    data = pairs.astype("<u8").reshape(-1, PAIRS)
    return [int.from_bytes(row.tobytes(), "little") for row in data]


def load_tables(image: Image, tables: tuple[np.ndarray, np.ndarray]) -> Planned:
    """Fetch an addition's tables. What follows runs meanwhile; an addition waits."""
    return Planned(image.command(opcode=f.OPCODE.TABLE, weights=image.dense(table_words(*tables))), TABLE_COMMAND)


def add_layer(image: Image, limits: tuple[int, int], a: Placed, b: Placed, y: Placed) -> Planned:
    """ADD of two tensors that lie alike, value for value, by the tables that were loaded last."""
    command = image.command(
        opcode=f.OPCODE.ADD, tiles=y.words, src=a.base, src2=b.base, dst=y.base, low=limits[0], high=limits[1]
    )
    return Planned(command, 4 * y.words + DRAIN - 2)


def add_tables(p: AddParams) -> tuple[np.ndarray, np.ndarray] | None:
    """Both tables in units of 2^-20 of the result's step, the half in the first; None if a pair of inputs differs."""
    shift = int(p.requant_out.shift[0])
    unit = float(p.requant_out.multiplier[0]) * 2.0 ** (shift - 31)
    shares = [
        requant((INT8_VALUES - zero_point) << p.left_shift, by, Rounding.DOUBLE) * unit
        for zero_point, by in ((p.input1_zero_point, p.requant1), (p.input2_zero_point, p.requant2))
    ]
    step = 1 << f.TABLE_FRACTION.value
    a, b = np.repeat(INT8_VALUES, 256).astype(np.int8), np.tile(INT8_VALUES, 256).astype(np.int8)
    exact = apply(p, [a, b], Rounding.DOUBLE).astype(np.int64) - p.output_zero_point
    low, high = (limit - p.output_zero_point for limit in p.activation)
    for nudge in (0, 1, -1, 2, -2, 4, -4):
        first = np.round(shares[0] * step).astype(np.int64) + step // 2 + nudge
        second = np.round(shares[1] * step).astype(np.int64)
        if max(np.abs(first).max() + np.abs(second).max(), 0) >= 1 << (f.TABLE_BITS.value - 1):
            return None
        total = np.clip((np.repeat(first, 256) + np.tile(second, 256)) >> f.TABLE_FRACTION.value, low, high)
        if np.array_equal(total, exact):
            index = [(INT8_VALUES - zp) & 255 for zp in (p.input1_zero_point, p.input2_zero_point)]
            tables = np.zeros((2, f.TABLE_VALUES.value), np.int64)
            tables[0, index[0]], tables[1, index[1]] = first, second
            return tables[0], tables[1]
    return None
