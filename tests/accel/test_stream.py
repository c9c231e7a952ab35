"""Weights that stay in DDR: what is resident, and that every command still reads its own words."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_tr.accel.image import Image
from edge_tr.accel.scale import Scale
from edge_tr.accel.stream import LOAD_OVERHEAD, _resident, streamed
from edge_tr.formats import accelerator as f

CAPACITY = f.WEIGHT_WORDS.value
BEATS = 9  # of a weight word


@given(st.lists(st.integers(0, 12), min_size=1, max_size=7), st.integers(1, 30), st.sets(st.integers(0, 6)))
def test_no_choice_of_resident_commands_streams_less_than_a_tenth_more(
    sizes: list[int], capacity: int, named: set[int]
) -> None:
    """The choice is legal, and near the best of all subsets with the pinned ones."""
    pinned = {i for i in named if i < len(sizes) and sizes[i]}
    kept = _resident(sizes, capacity, pinned)
    everyone = set(range(len(sizes)))

    def fits(some: set[int]) -> bool:
        buffer = max((sizes[i] for i in everyone - some), default=0)
        return sum(sizes[i] for i in some) + buffer <= capacity

    subsets = (set(s) for n in range(len(sizes) + 1) for s in itertools.combinations(sorted(everyone), n))
    legal = [sum(sizes[i] for i in everyone - s) for s in subsets if pinned <= s and fits(s)]
    if not legal:
        assert kept is None
        return
    assert pinned <= kept and fits(kept)
    streamed_words = sum(sizes[i] for i in everyone - kept)
    assert streamed_words <= min(legal) + max(sizes)


def image_of(sizes: list[int]) -> tuple[Image, list[list[int]]]:
    """Commands that read so many term words each, every word another; and those words."""
    image, words, count = Image(), [], itertools.count(1)
    for size in sizes:
        mine = list(itertools.islice(count, size))
        words.append(mine)
        image.command(opcode=f.OPCODE.ARRAY, weights=image.terms(mine))
    image.command(opcode=f.OPCODE.END)
    return image, words


@pytest.mark.parametrize("sizes", [[2000, 3001, 4999, 777], [9215, 1, 2], [1, 9001, 3, 5001, 7]])
def test_every_command_reads_its_own_words_when_its_turn_comes(sizes: list[int]) -> None:
    image, words = image_of(sizes)
    done = streamed(image)
    memory = [0] * (2 * CAPACITY)
    kept = done.image.words[f.MEMORY.WEIGHTS]
    memory[: len(kept)] = kept
    beats = itertools.chain.from_iterable(done.packets[command].tolist() for command in sorted(done.packets))
    commands = [
        f.COMMAND.unpack(word.to_bytes(f.COMMAND.size, "little")) for word in done.image.packed(f.MEMORY.COMMANDS)
    ]
    extra = [0]
    for position, command in enumerate(commands):
        if command["opcode"] == f.OPCODE.LOAD:
            extra.append(load(memory, beats) + LOAD_OVERHEAD)
        if command["opcode"] == f.OPCODE.ARRAY:
            mine = words[done.index.index(position)]
            assert memory[command["weights"] : command["weights"] + len(mine)] == mine
    assert next(beats, None) is None and len(extra) > 1
    assert sum(done.cycles) == sum(extra)
    assert done.image.used()["weight words"][0] <= CAPACITY


@pytest.mark.parametrize("sizes", [[2000, 2000, 3001, 4999, 777], [3001, 1001, 3, 5001, 5001]])
def test_commands_beside_an_input_stay_resident(sizes: list[int]) -> None:
    """A LOAD among them would take the words that the INPUT waits for."""
    whole = Image()
    whole.command(opcode=f.OPCODE.INPUT)
    for number, size in enumerate(sizes):
        beside = {"src": 40} if number == 1 else {}  # so the first one runs beside the INPUT too
        whole.command(opcode=f.OPCODE.ARRAY, weights=whole.terms([number + 1] * size), **beside)
    done = streamed(whole)
    assert set(done.packets) and not set(done.packets) & {1, 2}
    assert done.image.used()["weight words"][0] <= CAPACITY


@pytest.mark.parametrize("channels", [[900, 700, 40, 800], [2048, 1], [5, 5, 2000, 60]])
def test_channel_parameters_that_do_not_fit_come_with_the_command_that_reads_them(channels: list[int]) -> None:
    image, mine = Image(), []
    for count in channels:
        biases = list(range(len(image.words[f.MEMORY.PARAMETERS]), len(image.words[f.MEMORY.PARAMETERS]) + count))
        first = image.parameters([(Scale(1, 0, 0), bias) for bias in biases])
        mine.append(biases)
        weights = image.terms([count])
        image.command(opcode=f.OPCODE.ARRAY, weights=weights, parameters=first, channels=count)
    image.command(opcode=f.OPCODE.END)
    done = streamed(image)
    memory = [0] * f.PARAMETERS.value
    kept = done.image.words[f.MEMORY.PARAMETERS]
    memory[: len(kept)] = kept
    assert 0 < len(done.packets) <= len(channels) and done.image.used()["channel parameters"][0] <= len(memory)
    for number, biases in enumerate(mine):
        if number in done.packets:
            header, *data = done.packets[number].tolist()
            where = f.PACKET.unpack(int(header).to_bytes(8, "little"))
            assert where["memory"] == f.MEMORY.PARAMETERS and where["value"] == len(biases)
            values = [low | high << 64 for low, high in zip(data[::2], data[1::2])][: len(biases)]
            memory[where["address"] : where["address"] + len(values)] = values
        word = done.image.packed(f.MEMORY.COMMANDS)[done.index[number]]
        at = f.COMMAND.unpack(word.to_bytes(f.COMMAND.size, "little"))["parameters"]
        read = [f.PARAMETER.unpack(word.to_bytes(16, "little"))["bias"] for word in memory[at : at + len(biases)]]
        assert read == biases
    assert done.image.words[f.MEMORY.WEIGHTS] == image.words[f.MEMORY.WEIGHTS]  # they fit


def load(memory: list[int], beats: itertools.chain) -> int:
    """What the LOAD command does; how many beats it took."""
    taken = 0
    while True:
        header = f.PACKET.unpack(int(next(beats)).to_bytes(8, "little"))
        taken += 1
        if header["memory"] == f.MEMORY.END:
            return taken
        for word in range(header["value"]):
            value = sum(int(next(beats)) << 64 * i for i in range(BEATS))
            taken += BEATS
            at = 2 * (header["address"] + word)
            memory[at : at + 2] = [value & (1 << 288) - 1, value >> 288]


def test_an_image_that_fits_stays_as_it_is() -> None:
    image, _ = image_of([100, 200])
    done = streamed(image)
    assert done.image is image and not done.packets and done.index == (0, 1, 2)
    assert np.array_equal(done.cycles, (0, 0, 0))
