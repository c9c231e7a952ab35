"""Who computes: this process, processes on the local cores, or a Dask cluster. The results are the same.

Local processes and Dask's workers run BLAS on one thread each (Dask sets that by itself), so that sums do not
depend on how many there are.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import Any, Protocol

from edge_tr.errors import ToolMissingError, UsageError

Task = Callable[[Any, Any], Any]
"""task(shared, item): a function of a module, with arguments and a result that pickle."""
CONNECT_SECONDS = 10
_ONE_THREAD = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


class Workers(Protocol):
    """Something that computes tasks; a context manager."""

    def run(self, task: Task, shared: object, items: Sequence[object]) -> Iterator[tuple[int, Any]]:
        """(index of the item, task(shared, item)) as they finish; what a task raises is raised here."""

    def __enter__(self) -> Workers: ...

    def __exit__(self, *error: object) -> None: ...


class InProcess:
    """One item after the other, here."""

    def run(self, task: Task, shared: object, items: Sequence[object]) -> Iterator[tuple[int, Any]]:
        for index, item in enumerate(items):
            yield index, task(shared, item)

    def __enter__(self) -> InProcess:
        return self

    def __exit__(self, *error: object) -> None:
        """Nothing to end."""


class LocalProcesses:
    """`jobs` >= 1 processes of their own (default: one for each core)."""

    def __init__(self, jobs: int | None = None) -> None:
        if jobs is not None and jobs < 1:
            raise UsageError(f"--jobs {jobs}: use at least 1")
        self._pool = ProcessPoolExecutor(jobs or _cores(), mp_context=get_context("spawn"))

    def run(self, task: Task, shared: object, items: Sequence[object]) -> Iterator[tuple[int, Any]]:
        try:
            with _environment({name: "1" for name in _ONE_THREAD}):
                futures = {self._pool.submit(task, shared, item): i for i, item in enumerate(items)}
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BrokenProcessPool as error:
            raise UsageError(
                "a worker process was killed, perhaps because memory ran out; finished points are kept: "
                "run the same command again, with --jobs 1 if it happens again"
            ) from error

    def __enter__(self) -> LocalProcesses:
        return self

    def __exit__(self, *error: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)


class DaskCluster:
    """The workers of the Dask scheduler at `address`, tcp://host:port; tasks of a worker that dies go to others.

    The workers need edge_tr installed. Raises ToolMissingError without the package `distributed`, UsageError
    when no scheduler answers.
    """

    def __init__(self, address: str) -> None:
        try:
            import distributed
        except ImportError as error:
            raise ToolMissingError(f"--cluster needs a package: pip install 'edge-tr[dask]' ({error})") from error
        self._dask = distributed
        try:
            self._client = distributed.Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
        except (OSError, ValueError) as error:
            raise UsageError(f"no Dask scheduler answers at {address}: {error}") from error

    def run(self, task: Task, shared: object, items: Sequence[object]) -> Iterator[tuple[int, Any]]:
        """`shared` goes to each worker once; as the result of a task it survives the worker that holds it."""
        held = self._client.submit(_itself, shared)
        futures = {self._client.submit(task, held, item, pure=False): i for i, item in enumerate(items)}
        try:
            for future in self._dask.as_completed(futures, loop=self._client.loop):
                yield futures[future], future.result()
        except self._dask.KilledWorker as error:
            raise UsageError(
                f"the cluster lost its workers again and again ({error}); finished points are kept: "
                "give the workers more memory and run the same command again"
            ) from error

    def __enter__(self) -> DaskCluster:
        return self

    def __exit__(self, *error: object) -> None:
        """Lets the cluster go; it is not ours to stop."""
        self._client.close()


def _itself(value: object) -> object:
    return value


def _cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextlib.contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """Environment variables for processes that start meanwhile."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
