"""Tuning by many: local processes and a Dask cluster give what one process gives, whoever dies on the way."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import numpy as np
import pytest
from distributed import LocalCluster

from edge_tr import cli, demo
from edge_tr.errors import ToolMissingError, UsageError
from edge_tr.tuning import workers
from edge_tr.tuning.fit import Settings
from edge_tr.tuning.tuning import Tuning, tune
from edge_tr.tuning.workers import DaskCluster, InProcess, LocalProcesses
from edge_tr.tuning.written import goal_of


def tuned(folder: Path, who: workers.Workers, progress=lambda *step: None) -> tuple[Tuning, bytes]:
    """A short tuning of the demonstration's model; the result and the model file."""
    folder.mkdir()
    with demo.TEST_DATA.open("rb") as file, np.load(file) as arrays:
        np.savez(folder / "calibration.npz", x=arrays["x"][:64])
        np.savez(folder / "test.npz", x=arrays["x"][200:], y=arrays["y"][200:])
    (folder / "model.tflite").write_bytes(demo.MODEL.read_bytes())
    result = tune(
        folder / "model.tflite",
        folder / "calibration.npz",
        folder / "budget.toml",
        goal_of(max_terms=0.8),
        settings=Settings(passes=8),
        data=folder / "test.npz",
        workers=who,
        progress=progress,
    )
    return result, (folder / "budget.tflite").read_bytes()


@pytest.fixture(scope="module")
def alone(tmp_path_factory) -> tuple[Tuning, bytes]:
    return tuned(tmp_path_factory.mktemp("alone") / "tuning", InProcess())


@pytest.mark.parametrize("jobs", [1, 2])
def test_local_processes_give_the_same(alone, tmp_path, jobs):
    with LocalProcesses(jobs) as who:
        assert tuned(tmp_path / "tuning", who) == alone


def test_a_cluster_that_loses_a_worker_gives_the_same(alone, tmp_path):
    """One of two workers is killed with the tuning half done; its tasks go to the other one and to its successor."""
    killed = []

    def kill(what: str, done: int, total: int, unit: str) -> None:
        if what == "tuning" and 3 <= done < total and not killed:
            busy = sorted((-len(tasks), address) for address, tasks in who._client.processing().items())[0][1]
            killed.append(who._client.run(os.getpid, workers=[busy])[busy])
            os.kill(killed[0], signal.SIGKILL)

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        cluster.wait_for_workers(2)
        with DaskCluster(cluster.scheduler_address) as who:
            result = tuned(tmp_path / "tuning", who, kill)
            cluster.wait_for_workers(2)
            assert killed and killed[0] not in who._client.run(os.getpid).values()
    assert result == alone


def vanish(shared: object, item: object) -> None:
    """A task that the operating system ends."""
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_local_process_that_is_killed_is_said_to_be(tmp_path):
    with LocalProcesses(1) as who, pytest.raises(UsageError, match="was killed, perhaps because memory ran out"):
        list(who.run(vanish, None, [0]))


def test_a_cluster_that_dies_again_and_again_is_said_to():
    with (
        LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster,
        DaskCluster(cluster.scheduler_address) as who,
        pytest.raises(UsageError, match="lost its workers again and again"),
    ):
        list(who.run(vanish, None, [0]))


def test_what_is_missing_or_wrong_is_said(monkeypatch, capsys):
    command = ["tune", str(demo.MODEL), "--calibration", str(demo.TEST_DATA), "--max-terms", "1"]
    monkeypatch.setattr(workers, "CONNECT_SECONDS", 0.5)
    for wrong, says in (
        (["--jobs", "0"], "--jobs 0: use at least 1"),
        (["--cluster", "tcp://127.0.0.1:9"], "no Dask scheduler answers at tcp://127.0.0.1:9"),
        (["--cluster", "nonsense://x"], "no Dask scheduler answers at nonsense://x"),
    ):
        assert cli.main([*command, *wrong]) == UsageError.exit_code
        assert says in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert cli.main([*command, "--cluster", "tcp://127.0.0.1:9"]) == ToolMissingError.exit_code
    assert "pip install 'edge-tr[dask]'" in capsys.readouterr().err
