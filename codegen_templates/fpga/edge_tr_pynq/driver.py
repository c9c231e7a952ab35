"""The accelerator and its DMA: load a program, run inferences, read tensors. Every wait has an end.

Of pynq's `AxiDMA` its channels' `transfer`, `idle` and `error` and its registers are used; `wait` is not, as it waits
for ever. Registers of the DMA: Xilinx PG021, direct register mode.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping

import numpy as np

from edge_tr_pynq.accelerator import ACCEL_ID, ACCEL_VERSION, CONTROL, ERROR, NO_STOP, REGISTER, STATUS
from edge_tr_pynq.ends import Samples, sample_shape, samples_of
from edge_tr_pynq.errors import DeviceError, UsageError
from edge_tr_pynq.program import HostLayer, Level, Part, Program, Segment
from edge_tr_pynq.requant import Rounding
from edge_tr_pynq.slots import Registers, Slot, Tensors

Given = np.ndarray | Mapping[str, np.ndarray] | Samples
"""What `Accelerator.predict` takes."""
SECONDS = 10.0  # until a wait gives up; an inference takes well under a millisecond
STREAM_CYCLES = 50_000_000  # without progress of a stream, until the accelerator itself gives up; half a second
_INFERENCE = "an inference"  # what is waited for, in messages
_DMA_RESET, _DMA_CONTROL, _DMA_SEND_STATUS, _DMA_RECEIVE_STATUS, _DMA_RECEIVED = 4, 0x00, 0x04, 0x34, 0x58


def identify(ip: Registers) -> None:
    """DeviceError unless the bitstream holds an accelerator of this driver's version."""
    if ip.read(REGISTER.ID) != ACCEL_ID.value:
        raise DeviceError("the bitstream is not edge-tr's: load tr_accelerator.bit")
    found = ip.read(REGISTER.VERSION)
    if found != ACCEL_VERSION.value:
        raise DeviceError(
            f"the bitstream's accelerator has version {found}, this program needs {ACCEL_VERSION.value}: "
            "make the bitstream again"
        )


def _flat(samples: Samples, n: int) -> Tensors:
    """One of them."""
    return {index: values[n].ravel() for index, values in samples.values.items()}


class Accelerator:
    """One program at a time on one accelerator.

    seconds        until a wait for the hardware gives up
    stream_cycles  clock cycles without progress of a stream until the accelerator itself gives up
    """

    def __init__(
        self, ip: Registers, dma: object, seconds: float = SECONDS, stream_cycles: int = STREAM_CYCLES
    ) -> None:
        self.ip, self.dma, self.seconds, self.stream_cycles = ip, dma, seconds, stream_cycles
        self.program: Program | None = None
        self.states: Tensors = {}
        """Of the program's model, what they are before the next sample."""
        self._level = 0
        self._slots: list[list[Slot]] = []  # by level
        self._scratch: object | None = None
        self.times_layers = False
        """Whether `layer_cycles` will be asked for; it takes register reads after each of several runs."""
        self._stamped: list[list[int]] = []  # by run of the last inference, if it took several
        self._counted: int | None = None  # cycles of the last inference, if it took several runs
        identify(ip)
        ip.write(REGISTER.TIMEOUT, stream_cycles)

    # --- programs ---

    def load(self, program: Program) -> None:
        """Send the program's memories; DeviceError if they did not arrive whole."""
        self.close()
        with self.ip.allocate(len(program.load), np.uint64) as buffer:
            buffer[:] = program.load
            self.dma.sendchannel.transfer(buffer)
            self._control(CONTROL.LOAD)
            self._finish("loading the program")
        if self.ip.read(REGISTER.PROGRAM) != program.crc:
            raise DeviceError("the accelerator holds another program than was sent: load it again")
        self.program, self._level = program, len(program.levels) - 1
        self.reset_state()
        self._slots = [
            [Slot(segment, self.ip, program.word_bytes) for segment in self._runs(level)] for level in program.levels
        ]
        parts = (part for level in program.levels for layer in level.layers for part in layer.parts)
        most = max((part.words for part in parts), default=1)
        self._scratch = self.ip.allocate(program.word_bytes * most, np.uint8)

    @property
    def level(self) -> int:
        """Which of the program's budgets is computed with, 0 that with the fewest terms; the most after `load`. Nothing
        is loaded again to change it; UsageError if the program has no such budget."""
        return self._level

    @level.setter
    def level(self, level: int) -> None:
        levels = self._loaded().levels
        if not 0 <= level < len(levels):
            names = ", ".join(f"{n} ({of.budget})" for n, of in enumerate(levels))
            raise UsageError(f"there is no level {level}: this program has {names}")
        self._level = level

    def close(self) -> None:
        """Free all buffers; the accelerator is without a program then."""
        for slot in itertools.chain(*self._slots):
            slot.free()
        if self._scratch is not None:
            self._scratch.freebuffer()
        self._slots, self._scratch, self.program = [], None, None

    # --- inferences ---

    def predict(self, x: Given | None = None, /, **named: np.ndarray) -> np.ndarray | dict[str, np.ndarray]:
        """Outputs of samples. `x`: an array for a model's only input, or arrays by the inputs' names, which may be
        arguments too: [n, ...] of the inputs' types, or real numbers, which are quantised. Arrays by name are answered
        by name, as are several outputs; else the result is one array [n, ...].

        A model with states goes on from them and carries them from each sample to the next; of sequences, arrays
        [n, steps, ...], each begins after a `reset_state`.

        While the accelerator computes one sample the processor prepares the next, whose input the DMA fetches then,
        and finishes the one before, if the model has no states and runs at once.
        """
        given = named if x is None else x
        found = self.outputs(self.samples(given))
        if len(found) == 1 and not isinstance(given, Mapping):
            return found[0]
        return dict(zip(self._loaded().output_names, found))

    def outputs(self, samples: Samples) -> list[np.ndarray]:
        """All outputs in the model's order, as `predict` computes them."""
        if samples.steps is None:
            return [np.stack(values) for values in zip(*self.stream(samples))]
        return self._sequences(samples)

    def samples(self, x: Given) -> Samples:
        """What `predict` takes, as the program's inputs; a single sample may lack its leading axis. UsageError says
        what is expected."""
        program = self._loaded()
        if isinstance(x, Samples):
            return x
        values = {}
        for tensor, given in zip(program.inputs, self._in_order(x)):
            array = np.asarray(given)
            array = array.astype(np.float32) if array.dtype.kind == "f" else array
            shape = sample_shape(tensor)
            values[tensor.index] = array[np.newaxis] if array.shape == shape and shape else array
        samples = samples_of(program.graph, values)
        if not len(samples):
            raise UsageError("there are no samples: the arrays are empty")
        return samples

    def _in_order(self, x: Given) -> list[np.ndarray]:
        """An array for each input."""
        names = self._loaded().input_names
        numbered = ["x"] if len(names) == 1 else [f"x{i}" for i in range(len(names))]
        if not isinstance(x, Mapping):
            x = {names[0]: x} if len(names) == 1 else {}
        for wanted in (names, numbered):
            if set(wanted) == set(x):
                return [x[name] for name in wanted]
        raise UsageError(f"give an array for each input by its name: {', '.join(names)}; or {', '.join(numbered)}")

    def stream(self, x: Given) -> Iterator[tuple[np.ndarray, ...]]:
        """The outputs of one sample after the other, in the model's order."""
        given = self.samples(x)
        samples = (_flat(given, n) for n in range(len(given)))
        yield from self._overlapped(samples) if self._pipelined(self._now()) else map(self._one, samples)

    def _sequences(self, samples: Samples) -> list[np.ndarray]:
        """Outputs [n, steps, ...]."""
        found = []
        for n in range(len(samples)):
            self.reset_state()
            steps = Samples({index: array[n] for index, array in samples.values.items()})
            found.append([np.stack(values) for values in zip(*self.stream(steps))])
        return [np.stack(values) for values in zip(*found)]

    # --- states ---

    def reset_state(self) -> None:
        """Give the states their initial values."""
        self.states = {index: values.ravel() for index, values in self._loaded().graph.states.items()}

    def _pipelined(self, level: Level) -> bool:
        """Whether the accelerator can begin the next sample as soon as it has sent this one's result."""
        is_stateless = not self._loaded().graph.states
        return is_stateless and len(level.segments) == 1 and bool(level.segments[0].reads)

    def _runs(self, level: Level) -> tuple[Segment, ...]:
        """Runs that have a buffer each: a pipelined one has two."""
        return level.segments * (2 if self._pipelined(level) else 1)

    def _overlapped(self, samples: Iterable[Tensors]) -> Iterator[tuple[np.ndarray, ...]]:
        running, slots = None, self._slots[self._level]
        try:
            for n, sample in enumerate(samples):
                slot = slots[n % 2]
                slot.fill(self._before(sample))
                if running is None:
                    self.dma.sendchannel.transfer(slot.sent)
                else:
                    self._follow(running, slot)
                self._start(slot)
                if running is not None:
                    yield self._finished(running)
                running = slot
            if running is not None:
                self._done(_INFERENCE)
                self._received(running.received, running.received.nbytes)
                yield self._finished(running)
        except GeneratorExit:
            self.reset()  # nobody wants what is still on its way
            raise
        finally:
            self._counted = None

    def _one(self, sample: Tensors) -> tuple[np.ndarray, ...]:
        """A sample through all turns; states change when it is through."""
        values, slots = {**sample, **self.states}, iter(self._slots[self._level])
        counted, stamped = 0, []
        for turn in self._now().turns:
            self._compute(turn.host, values)
            if turn.segment is None:
                continue
            slot = next(slots)
            slot.fill(values)
            self.dma.sendchannel.transfer(slot.sent)
            self._start(slot)
            self._finish(_INFERENCE)
            counted += self.ip.read(REGISTER.CYCLES)
            if slot.received is not None:
                self._received(slot.received, slot.received.nbytes)
                slot.take()
            if self.times_layers:
                stamped.append(self._stamps(turn.segment))
        self._counted, self._stamped = counted, stamped
        self.states = {index: values[index] for index in self.states}
        return self._outputs(values)

    @property
    def cycles(self) -> int:
        """Clock cycles of the last inference, from start to done, transfers included; the processor's not."""
        return self.ip.read(REGISTER.CYCLES) if self._counted is None else self._counted

    def layer_cycles(self) -> list[int]:
        """Clock cycles of each layer in the last whole inference, 0 of the processor's; a segment's first one's include
        the transfer to it, or what of it no other layer ran beside. Of several runs `times_layers` must be set before:
        each one's stamps take the place of those of the run before."""
        level, cycles = self._now(), []
        stamped = iter(self._stamped if len(level.segments) > 1 else map(self._stamps, level.segments))
        for turn in level.turns:
            cycles += [0] * len(turn.host) + ([] if turn.segment is None else next(stamped))
        return cycles

    def _stamps(self, segment: Segment) -> list[int]:
        """Cycles of each layer of the last run."""
        own, before = dict.fromkeys((layer.tensor for layer in segment.layers), 0), 0
        for part, layer in segment.stops:
            self.ip.write(REGISTER.SELECT, part.stop - 1)
            stamp = self.ip.read(REGISTER.STAMP)
            own[layer.tensor] += stamp - before
            before = stamp
        return [*own.values()]

    def run_layers(self, x: Given, last: int) -> Iterator[tuple[np.ndarray, int]]:
        """(tensor [elements], cycles) of layers 0 to `last`, one after the other, of the first sample; `states` stay.

        The accelerator stops after every layer, or part of one, its tensor is read, and it goes on from there.
        """
        yield from itertools.islice(self._steps(_flat(self.samples(x), 0)), last + 1)
        if not self.dma.sendchannel.idle:  # the rest of what is sent is for the layers after it
            self.reset()

    def _steps(self, sample: Tensors) -> Iterator[tuple[np.ndarray, int]]:
        values, slots = {**sample, **self.states}, iter(self._slots[self._level])
        for turn in self._now().turns:
            for op in turn.host:
                self._compute([op], values)
                yield values[op.tensor], 0
            if turn.segment is None:
                continue
            slot, entry = next(slots), turn.segment.entry
            slot.fill(values)
            self.dma.sendchannel.transfer(slot.sent)
            cycles, waiting = dict.fromkeys((layer.tensor for layer in turn.segment.layers), 0), [*turn.segment.layers]
            for part, layer in turn.segment.stops:
                cycles[layer.tensor] += self._go_on(turn.segment, entry, part.stop, layer.name)
                entry = part.stop
                value = values.setdefault(layer.tensor, np.zeros(layer.elements, np.int8))
                there = part.index >= 0
                own = value[part.first : part.first + len(part.index)]
                np.copyto(own, self._part(part, layer.name), where=there)
                while waiting and waiting[0].parts[-1].stop <= part.stop:
                    done = waiting.pop(0)
                    yield values[done.tensor], cycles[done.tensor]
            self._finish(turn.segment.layers[-1].name)

    def _go_on(self, segment: Segment, entry: int, stop: int, name: str) -> int:
        """Run commands [entry, stop) but for OUTPUTs, which nobody receives; cycles."""
        cycles = 0
        for end in [*(read.command for read in segment.reads if entry <= read.command < stop), stop]:
            if entry < end:
                self._segment(entry, end)
                self._done(name)
                cycles += self.ip.read(REGISTER.CYCLES)
            entry = end + 1
        return cycles

    def idle_cycles(self, count: int) -> int:
        """What the cycle counter says of a run that waits `count` cycles, at least one, for an input that does not
        come: 0 would be to wait for ever. 0 of a program that leaves everything to the processor."""
        if not self._now().segments:
            return 0
        entry = self._now().segments[0].entry
        self.ip.write(REGISTER.TIMEOUT, max(count, 1))
        try:
            self._segment(entry, NO_STOP.value)
            self._wait(lambda: self.ip.read(REGISTER.STATUS) & STATUS.DONE, "the cycle counter")
            return self.ip.read(REGISTER.CYCLES)
        finally:
            self.ip.write(REGISTER.TIMEOUT, self.stream_cycles)

    def _before(self, sample: Tensors) -> Tensors:
        """What the processor has before the accelerator's first run."""
        values = dict(sample)
        self._compute(self._now().turns[0].host, values)
        return values

    @staticmethod
    def _compute(layers: Iterable[HostLayer], values: Tensors) -> None:
        """Layers of the processor, from tensors and to tensors in `values`."""
        for layer in layers:
            inputs = [values[tensor][np.newaxis] for tensor in layer.inputs]
            outputs = layer.record.golden(inputs, Rounding.DOUBLE, layer.data_terms)
            updated = outputs[len(outputs) - len(layer.updates) :]
            for tensor, value in ((layer.tensor, outputs[layer.output]), *zip(layer.updates, updated)):
                values[tensor] = value.reshape(-1)

    def _segment(self, entry: int, stop: int) -> None:
        self.ip.write(REGISTER.ENTRY, entry)
        self.ip.write(REGISTER.STOP, stop)
        self._control(CONTROL.START)

    def _start(self, slot: Slot) -> None:
        """The input is on its way already and waits for the start, so that the start does not wait for it."""
        if slot.received is not None:
            self.dma.recvchannel.transfer(slot.received)
        self._segment(slot.segment.entry, NO_STOP.value)

    def _follow(self, running: Slot, following: Slot) -> None:
        """Wait for an inference, and let the DMA fetch the next one's input as soon as it has sent this one's."""
        send = self.dma.sendchannel
        self._wait(lambda: send.idle or send.error or self.ip.read(REGISTER.STATUS) & STATUS.DONE, _INFERENCE)
        early = send.idle
        if early:
            send.transfer(following.sent)
            self._done(_INFERENCE)
        else:
            self._finish(_INFERENCE)
        self._received(running.received, running.received.nbytes)
        if not early:
            send.transfer(following.sent)

    def _finished(self, slot: Slot) -> tuple[np.ndarray, ...]:
        """The outputs of a pipelined inference."""
        slot.take()
        for turn in self._now().turns[1:]:
            self._compute(turn.host, slot.values)
        return self._outputs(slot.values)

    def _outputs(self, values: Tensors) -> tuple[np.ndarray, ...]:
        program = self._loaded()
        shapes = map(sample_shape, program.outputs)
        return tuple(values[index].reshape(shape) for index, shape in zip(program.results, shapes))

    def _part(self, part: Part, name: str) -> np.ndarray:
        """The part's elements, of those that are not in it any value."""
        nbytes = self._loaded().word_bytes * part.words
        self.ip.write(REGISTER.DUMP_ADDRESS, part.address)
        self.ip.write(REGISTER.DUMP_COUNT, part.words)
        self.dma.recvchannel.transfer(self._scratch, nbytes=nbytes)
        self._control(CONTROL.DUMP)
        self._done(f"reading {name}")
        self._received(self._scratch, nbytes)
        return np.array(self._scratch[:nbytes])[part.index].view(np.int8)

    # --- waiting ---

    def _control(self, bit: int) -> None:
        self.ip.write(REGISTER.CONTROL, bit)

    def _finish(self, what: str) -> None:
        """Wait for the accelerator, then for the DMA to have sent all; DeviceError if either fails."""
        self._done(what)
        self._wait(lambda: self.dma.sendchannel.idle or self.dma.sendchannel.error, f"{what}: the DMA's sending")
        if self.dma.sendchannel.error:
            raise self._failed(f"{what}: the DMA could not read the buffer")

    def _done(self, what: str) -> None:
        """Wait for the accelerator; DeviceError if it stopped with an error."""
        self._wait(lambda: self.ip.read(REGISTER.STATUS) & STATUS.DONE, what)
        error = self.ip.read(REGISTER.ERROR)
        if error != ERROR.NONE:
            doc = next((member.doc for member in ERROR.members if member.value == error), "")
            raise self._failed(f"{what} failed with {ERROR.name_of(error)}: {doc}")

    def _received(self, buffer: np.ndarray, nbytes: int) -> None:
        self._wait(lambda: self.dma.recvchannel.idle or self.dma.recvchannel.error, "receiving")
        if self.dma.recvchannel.error:
            raise self._failed("receiving: the DMA could not write the buffer")
        came = self.dma.read(_DMA_RECEIVED)
        if came != nbytes:
            raise self._failed(f"{came} of {nbytes} bytes came back")
        buffer.invalidate()

    def _wait(self, done: Callable[[], object], what: str) -> None:
        deadline = time.monotonic() + self.seconds
        while not done():
            if time.monotonic() > deadline:
                raise self._failed(f"{what} took more than {self.seconds:g} s")

    def _failed(self, what: str) -> DeviceError:
        """The error, with what the hardware was doing; everything is reset, so that the next inference works."""
        state = self._state()
        self.reset()
        return DeviceError(
            f"{what} ({state}); the accelerator was reset: try again, and load the bitstream anew if it stays"
        )

    def _state(self) -> str:
        """What the hardware is doing, for messages."""
        status, command = self.ip.read(REGISTER.STATUS), self.ip.read(REGISTER.COMMAND)
        flags = [member.name.lower() for member in STATUS.members if status & member.value] or ["idle"]
        where = f"command {command}" + (f" of {self._now().name_at(command)}" if self.program else "")
        dma = [self.dma.read(offset) for offset in (_DMA_SEND_STATUS, _DMA_RECEIVE_STATUS)]
        return f"{where}, {' '.join(flags)}, DMA status {dma[0]:#x} sending, {dma[1]:#x} receiving"

    def reset(self) -> None:
        """End what runs, on the accelerator and in the DMA; the program stays loaded."""
        self._control(CONTROL.RESET)
        self.dma.write(_DMA_CONTROL, _DMA_RESET)
        deadline = time.monotonic() + self.seconds
        while self.dma.read(_DMA_CONTROL) & _DMA_RESET:
            if time.monotonic() > deadline:
                raise DeviceError("the DMA does not come out of reset: load the bitstream anew")
        self.dma.sendchannel.start()
        self.dma.recvchannel.start()

    def _loaded(self) -> Program:
        if self.program is None:
            raise DeviceError("no program is loaded: call load first")
        return self.program

    def _now(self) -> Level:
        return self._loaded().levels[self._level]
