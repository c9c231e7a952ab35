"""One layer as commands: which terms go to which bank and step, what is gathered when, and how many cycles it takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from edge_tr.errors import DoesNotFitError
from edge_tr.formats import accelerator as f
from edge_tr.golden.layers import INT8_VALUES, apply, requant
from edge_tr.ir.params import AddParams, ConvParams, DepthwiseParams, FullyConnectedParams, MeanParams, PoolParams
from edge_tr.lower.accel.arrival import Arrival, Stream, pace, paced
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
LEAVING = 16  # from a group's last word to the first write of its results
TABLE_COMMAND, TABLE_LOAD, TABLE_READS = 7, TABLE_WORDS * (PAIRS + 2) - 5, TABLE_WORDS - 1
MAX_REPEAT = 63

Tap = tuple[int, int]  # ky, kx


@dataclass(frozen=True)
class Piece:
    """Taps of one kernel row that come in one window: `kxs[i]` goes to bank `banks[i]`."""

    ky: int
    kxs: tuple[int, ...]
    banks: tuple[int, ...]


@dataclass(frozen=True)
class Step:
    """What one load of the data memory holds: pieces for runs of channels, from entry `entry` on."""

    loads: tuple[tuple[Piece, tuple[int, ...], int], ...]  # piece, channels, first entry


Bundle = tuple[Piece, ...]  # pieces of different banks, which share entries


def bundles_of(kernel: tuple[int, int], stride: int, split: bool) -> list[Bundle]:
    """Taps of a kernel row in threes whose windows are neighbours: all of them, or those of one parity. What is left of
    a row takes the banks that are free beside it."""
    kh, kw = kernel
    by_parity = stride == 2 or split
    sets = [range(0, kw, 2), range(1, kw, 2)] if by_parity else [range(kw)]
    runs = [tuple(taps[i : i + BANKS]) for taps in sets for i in range(0, len(taps), BANKS)]
    bundles: list[list[tuple[int, ...]]] = []
    for run in runs:
        beside = next((b for b in bundles if sum(map(len, b)) + len(run) <= BANKS), None)
        if beside is None:
            bundles.append([run])
        else:
            beside.append(run)
    return [tuple(_side_by_side(ky, bundle)) for ky in range(kh) for bundle in bundles]


def _side_by_side(ky: int, runs: Sequence[tuple[int, ...]]) -> Iterator[Piece]:
    at = 0
    for run in runs:
        yield Piece(ky, run, tuple(range(at, at + len(run))))
        at += len(run)


def conv_steps(kernel: tuple[int, int], stride: int, channels: int, split: bool, capacity: int) -> list[Step]:
    """All (bundle, channel) in as few loads of `capacity` entries as they take, evenly filled."""
    if kernel == (1, 1):
        return _pointwise_steps(channels, capacity)
    units = [(bundle, channel) for bundle in bundles_of(kernel, stride, split) for channel in range(channels)]
    count = -(-len(units) // capacity)
    size = -(-len(units) // count)
    steps = []
    for start in range(0, len(units), size):
        runs: list[tuple[Bundle, list[int], int]] = []
        for entry, (bundle, channel) in enumerate(units[start : start + size]):
            if runs and runs[-1][0] is bundle:
                runs[-1][1].append(channel)
            else:
                runs.append((bundle, [channel], entry))
        steps.append(Step(tuple((piece, tuple(cs), at) for bundle, cs, at in runs for piece in bundle)))
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
        bundles = bundles_of(p.kernel, p.stride[1], split)
        per_step = max(1, capacity // len(sources))
        steps = []
        for at in range(0, len(bundles), per_step):
            part = bundles[at : at + per_step]
            loads = [(piece, tuple(sources), i * len(sources)) for i, bundle in enumerate(part) for piece in bundle]
            steps.append(Step(tuple(loads)))
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


def array_cycles(
    loads: Sequence[Load], double_buffer: bool, stream: Stream | None = None, needed: Sequence[int] = ()
) -> int:
    """From launch to the end of an ARRAY command, as the hardware does it.

    stream  an INPUT under way, whose clock stands at the launch; its writes and the results share a port
    needed  by load: how many of its words must have come
    """
    depth = 2 if double_buffer else 1
    gathered, used, busy_until, gather_free = [], [], 0, 1
    now, left = 3, 0  # first word is there
    for i, load in enumerate(loads):
        come = stream.when(needed[i]) if stream and needed else 0
        start = max(gather_free, used[i - depth] if i >= depth else 0, come)
        gather_free = start + load.gather
        gathered.append(gather_free - 1 + GATHER_LATENCY - 1)
        now = max(now, gathered[i] + 1)
        for words, beats in load.groups:
            done = max(now + words - 1, busy_until)
            busy_until = left = done + beats
            now = done + 1
            if stream:
                busy_until += stream.busy(done)  # the hardware leaves a cycle for the input's writes
                stream.occupy(done + LEAVING, beats)
        used.append(now - 1)
    return left + ARRAY_LATENCY


# --- layers --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Planned:
    """A layer in the image: its last command's index and its predicted cycles. `bands`: of a layer that takes turns
    with others each command and the tiles, [first, end), that it computes."""

    command: int
    cycles: int
    bands: tuple[tuple[int, int, int], ...] = ()


def _clamp(activation: tuple[int, int], zero_point: int) -> dict[str, int]:
    low, high = activation
    return {"low": low - zero_point, "high": high - zero_point}


def _reach(p: ConvParams | DepthwiseParams | FullyConnectedParams) -> np.ndarray:
    """int64 [rows], no sum is larger, bias included. Data are x - zero point; with a data budget a value may be rounded
    up to the next power of two."""
    positive, negative = (side(p.weights.astype(np.int64), 0).sum(axis=1) for side in (np.maximum, np.minimum))
    ends = (128 + p.input_zero_point, 127 - p.input_zero_point)
    below, above = (min(255, 1 << (end - 1).bit_length()) if end else 0 for end in ends)
    bias = p.bias.astype(np.int64)
    return np.maximum(
        np.abs(positive * above - negative * below + bias), np.abs(negative * above - positive * below + bias)
    )


def _check_sums(p: ConvParams | DepthwiseParams, name: str) -> None:
    if _reach(p).max(initial=0) >= 1 << (f.SUM_BITS.value - 1):
        raise DoesNotFitError(f"{name}: its sums may need more than {f.SUM_BITS.value} bits")


@dataclass(frozen=True)
class Windows:
    """A window layer whose way to fill the data memory is chosen.

    plan         of a tile: (step, groups of four channels, whether they begin, whether they end)
    tiles        by word of an output channel: its pixels, int64 [64, 2]
    words        TermWords of a tile
    groups       by entry of `plan`: (words, channels) of each group
    corrections  by channel: what ones' complement leaves out of the bias
    gathers      by tile and entry of `plan`: cycles
    """

    p: ConvParams | DepthwiseParams
    x: Placed
    y: Placed
    double: bool
    plan: list
    tiles: list[np.ndarray]
    words: list[int]
    groups: list[list[tuple[int, int]]]
    corrections: list[int]
    gathers: list[list[int]]

    @property
    def geometry(self) -> Geometry:
        """Of its windows."""
        return Geometry(self.p.kernel, self.p.stride, self.p.dilation, self.p.pad)

    def placed(self, x: Placed, y: Placed) -> Windows:
        """The same layer with its tensors elsewhere, in the same layout."""
        return replace(self, x=x, y=y)

    def loads(self, first: int = 0, end: int | None = None) -> list[Load]:
        """Of tiles first to end - 1."""
        loads = []
        for tile in range(len(self.tiles))[first:end]:
            halves = 2 if tile + 1 < len(self.tiles) or (self.tiles[tile][:, 0] >= 0).sum() > HALF else 1
            for gather, counts in zip(self.gathers[tile], self.groups):
                loads.append(Load(gather, tuple((words, rows * halves) for words, rows in counts)))
        return loads

    def needed(self, arrival: Arrival) -> list[int]:
        """By load: how many words of x must have come."""
        return [
            needed_words(self.x, self.geometry, pixels, step, arrival)
            for pixels in self.tiles
            for step, *_ in self.plan
        ]


def window_layer(
    image: Image,
    p: ConvParams | DepthwiseParams,
    x: Placed,
    y: Placed,
    name: str,
    compact: bool,
    arrival: Arrival | None = None,
) -> Planned:
    """CONV_2D or DEPTHWISE_CONV_2D on the array. `arrival`: how x comes meanwhile; else it is there."""
    w, cycles, waits = choose_windows(p, x, y, name, compact, arrival)
    command = emit_windows(image, w, (0, len(w.tiles)), window_parameters(image, w), image.terms(w.words), waits)
    return Planned(command, cycles)


def choose_windows(
    p: ConvParams | DepthwiseParams, x: Placed, y: Placed, name: str, compact: bool, arrival: Arrival | None = None
) -> tuple[Windows, int, tuple[int, int]]:
    """Of the ways to fill the data memory the fastest, or the one with the fewest words; its cycles, and how its steps
    wait for the input."""
    _check_sums(p, name)
    best = None
    for double, plan in _plans(p, x, name):
        w = _windows(p, x, y, double, plan)
        waits, stream, needed = (0, 0), None, []
        if arrival:
            least = w.needed(arrival)
            waits, stream = pace(least, arrival.words), Stream(arrival.words)
            needed = paced(waits, len(least), arrival.words)
        cycles = array_cycles(w.loads(), double, stream, needed)
        rank = (len(w.words), cycles) if compact else (cycles, len(w.words))
        if best is None or rank < best[0]:
            best = (rank, w, cycles, waits)
    return best[1:]


def _plans(p: ConvParams | DepthwiseParams, x: Placed, name: str) -> list[tuple[bool, list]]:
    """Ways to fill the data memory: (whether half of it at a time, plan)."""
    split = not _is_linear(x)
    options = []
    for double in (True, False):
        capacity = HALF_ENTRIES if double else 2 * HALF_ENTRIES
        if isinstance(p, DepthwiseParams):
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
    return options


def _windows(p: ConvParams | DepthwiseParams, x: Placed, y: Placed, double: bool, plan: list) -> Windows:
    words, groups, corrections = _weights(p, plan, isinstance(p, DepthwiseParams))
    w = Windows(p, x, y, double, plan, tile_pixels(y), words, groups, corrections, [])
    trial = Image()
    for pixels in w.tiles:
        ops = [step_ops(trial, x, w.geometry, pixels, step) for step, *_ in plan]
        w.gathers.append([sum(op["count"] for op in step) for step in ops])
    return w


def window_parameters(image: Image, w: Windows) -> int:
    """The channels' parameters; the first one's address."""
    p = w.p
    offsets = w.x.zero_point * p.weights.astype(np.int64).reshape(len(p.weights), -1).sum(axis=1)
    biases = [_wrapped(int(b) + c - int(o)) for b, c, o in zip(p.bias, w.corrections, offsets)]
    return image.parameters(list(zip(_scales(p), biases)))


def emit_windows(
    image: Image, w: Windows, tiles: tuple[int, int], parameters: int, weights: int, waits: tuple[int, int] = (0, 0)
) -> int:
    """The command for tiles [first, end); its index. `waits`: words of an INPUT under way that the first step needs,
    and how many more each further one; (0, 0): it is not under way."""
    pixels = w.tiles[slice(*tiles)]
    ops = [op for some in pixels for step, *_ in w.plan for op in step_ops(image, w.x, w.geometry, some, step)]
    ops[-1]["end"] = 1
    halves_last = 2 if (pixels[-1][:, 0] >= 0).sum() > HALF else 1
    return image.command(
        opcode=f.OPCODE.ARRAY, halves=2 if len(pixels) > 1 else halves_last, halves_last=halves_last,
        double_buffer=w.double, tiles=len(pixels), count=len(w.words), weights=weights, gather=image.gather(ops),
        parameters=parameters, dst=w.y.base + tiles[0], dst_stride=w.y.blocks, zero_point=w.x.zero_point,
        src=waits[0], src2=waits[1], extent=(weights, weights + len(w.words)),
        **_clamp(w.p.activation, w.p.output_zero_point),
    )  # fmt: skip


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
    reach = _reach(p)
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


def dense_layer(
    image: Image, p: FullyConnectedParams, x: Placed, y: Placed, name: str, pieces: bool = False
) -> Planned:
    """FULLY_CONNECTED: 64 outputs side by side, one input a cycle; the bias as three more inputs, 1, 2^8 and 2^16.

    pieces  each 64 outputs are a command, so that their weights may be streamed
    """
    scales = _scales(p)
    each = len(set(scales)) > 1
    if _reach(p).max() >= 1 << 24 or np.abs(p.bias.astype(np.int64)).max() >= (1 << 23) - (1 << 15) - 128:
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
