"""Weights that stay in DDR: what is resident, and that every command still reads its own words."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_tr.accel.image import _BEATS, Image
from edge_tr.accel.scale import Scale
from edge_tr.accel.stream import BUFFERS, _resident, page, streamed
from edge_tr.formats import accelerator as f

CAPACITY = f.WEIGHT_WORDS.value


@given(
    st.lists(st.integers(1, 12), min_size=1, max_size=7), st.integers(1, 30), st.sets(st.integers(0, 6)),
    st.sampled_from([1, BUFFERS]),
)  # fmt: skip
def test_no_choice_of_resident_words_streams_less_than_the_largest_more(
    sizes: list[int], capacity: int, named: set[int], buffers: int
) -> None:
    """The choice is legal, and near the best of all subsets with the pinned ones."""
    pinned = {i for i in named if i < len(sizes)}
    everyone = set(range(len(sizes)))
    kept = _resident(dict(enumerate(sizes)), dict.fromkeys(everyone, 1), capacity, buffers, pinned)

    def fits(some: set[int]) -> bool:
        buffer = max((sizes[i] for i in everyone - some), default=0)
        return sum(sizes[i] for i in some) + buffers * buffer <= capacity

    subsets = (set(s) for n in range(len(sizes) + 1) for s in itertools.combinations(sorted(everyone), n))
    legal = [sum(sizes[i] for i in everyone - s) for s in subsets if pinned <= s and fits(s)]
    if not legal:
        assert kept is None
        return
    assert pinned <= kept and fits(kept)
    streamed_words = sum(sizes[i] for i in everyone - kept)
    assert streamed_words <= min(legal) + max(sizes)


def image_of(sizes: list[int], image: Image, words: list[list[int]]) -> tuple[Image, list[list[int]]]:
    """Commands that read so many term words each, every word another; and those words."""
    count = itertools.count(1)
    for size in sizes:
        mine = list(itertools.islice(count, size))
        words.append(mine)
        image.command(opcode=f.OPCODE.ARRAY, weights=image.terms(mine))
    image.command(opcode=f.OPCODE.END)
    return image, words


@pytest.mark.parametrize(
    "sizes", [[2000, 3001, 4999, 777], [9215, 1, 2], [1, 9001, 3, 5001, 7], [4000] * 4, [3000] * 7]
)
@pytest.mark.parametrize("whole", [streamed, page])
def test_every_command_reads_its_own_words_when_its_turn_comes(sizes: list[int], whole: Callable) -> None:
    """Whenever a LOAD ends: each takes at once what the command reads that runs beside it, or it is waited for."""
    image, words = Image(), []
    if whole is page:
        image.command(opcode=f.OPCODE.LOAD)
        words.append([])
    image, words = image_of(sizes, image, words)
    done = whole(image)
    memory = [0] * (2 * CAPACITY)
    if whole is streamed:
        kept = done.image.words[f.MEMORY.WEIGHTS]
        memory[: len(kept)] = kept
    loads, under_way = list(done.loads), None
    for position, command in enumerate(done.image.words[f.MEMORY.COMMANDS]):
        if command["opcode"] == f.OPCODE.LOAD:
            under_way = loads.pop(0)
            load(memory, iter(under_way.beats.tolist()))
        if command["opcode"] == f.OPCODE.ARRAY:
            own = done.index.index(position)
            mine = words[own]
            assert memory[command["weights"] : command["weights"] + len(mine)] == mine
            assert not (command["during_load"] and under_way.needed <= own)
    assert not loads and len(done.loads) > 1
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
    assert done.loads and all(load.before > 2 for load in done.loads)
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
    packets = {load.needed: load.beats for load in done.loads}
    assert 0 < len(packets) <= len(channels) and done.image.used()["channel parameters"][0] <= len(memory)
    for number, biases in enumerate(mine):
        if number in packets:
            header, *data = packets[number].tolist()
            where = f.PACKET.unpack(int(header).to_bytes(8, "little"))
            assert where["memory"] == f.MEMORY.PARAMETERS and where["value"] == len(biases)
            values = [low | high << 64 for low, high in zip(data[::2], data[1::2])][: len(biases)]
            memory[where["address"] : where["address"] + len(values)] = values
        word = done.image.packed(f.MEMORY.COMMANDS)[done.index[number]]
        at = f.COMMAND.unpack(word.to_bytes(f.COMMAND.size, "little"))["parameters"]
        read = [f.PARAMETER.unpack(word.to_bytes(16, "little"))["bias"] for word in memory[at : at + len(biases)]]
        assert read == biases
    assert done.image.words[f.MEMORY.WEIGHTS] == image.words[f.MEMORY.WEIGHTS]  # they fit


def load(memory: list[int], beats: Iterator[int]) -> int:
    """What the LOAD command does; how many beats it took."""
    taken = 0
    while True:
        header = f.PACKET.unpack(int(next(beats)).to_bytes(8, "little"))
        taken += 1
        if header["memory"] == f.MEMORY.END:
            return taken
        size = _BEATS[header["memory"]][0] // 64
        for word in range(header["value"]):
            value = sum(int(next(beats)) << 64 * i for i in range(size))
            taken += size
            at = 2 * (header["address"] + word)
            if header["memory"] == f.MEMORY.WEIGHTS:
                memory[at : at + 2] = [value & (1 << 288) - 1, value >> 288]


def test_an_image_that_fits_stays_as_it_is() -> None:
    image, _ = image_of([100, 200], Image(), [])
    done = streamed(image)
    assert done.image is image and not done.loads and done.index == (0, 1, 2)
    assert not any(done.waits({0: 10, 1: 20}, range(3)).values())


def test_a_command_waits_for_what_of_a_load_is_left() -> None:
    """Loads of 3,000 beats, commands of 2,000 cycles: the second load comes beside the first command, and so on."""
    image, _ = image_of([4000, 4000, 4000, 4000], Image(), [])
    done = streamed(image)
    beats = [len(load.beats) for load in done.loads]
    late = done.waits(dict.fromkeys(range(4), 2000), range(5))
    needing = [load.needed for load in done.loads]
    assert all(late[command] >= n - 2000 for command, n in zip(needing[1:], beats[1:]))
    assert sum(late.values()) <= sum(beats) - 2000 * (len(beats) - 1) + 20 * len(beats)
