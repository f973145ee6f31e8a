"""Opens a session from options; the one place where command line and pytest meet the harness."""

from __future__ import annotations

from collections.abc import Callable

from edgebench.run import environment
from edgebench.run.executor import Executor
from edgebench.run.job import Progress
from edgebench.run.local import LocalExecutor
from edgebench.run.options import Options
from edgebench.run.outlook import ReadBaseline, StoredOutlook
from edgebench.run.session import Session
from edgebench.run.store import Store


def open_session(
    options: Options,
    *,
    shared_by: int = 1,
    baseline: ReadBaseline | None = None,
    notify: Callable[[Progress], None] | None = None,
) -> Session:
    """A session over the options' store; `shared_by` processes of one test run divide the cores between them.

    Args:
        baseline: reads a claim's baseline at a tier, for what to expect of work that was never done here.

    Raises:
        StoreError: when the store cannot be opened.
        SettingsError: when the executor or device cannot be had.
    """
    store = Store(options.store_path())
    try:
        executor = _open_executor(options, shared_by)
        key = environment.identity_key(executor.identity)
        outlook = StoredOutlook(store, key, baseline or (lambda claim, tier: None))
    except BaseException:
        store.close()
        raise
    return Session(
        store,
        executor,
        prefetch=shared_by == 1,
        outlook=outlook,
        time_budget=options.time_budget,
        notify=notify,
    )


def _open_executor(options: Options, shared_by: int) -> Executor:
    gpu = options.device == "cuda"
    if options.executor == "ray":
        from edgebench.run.ray_executor import RayExecutor

        return RayExecutor(
            options.address,
            workers=options.workers,
            gpus_per_trial=1.0 if gpu else 0.0,
            resource=options.resource,
            device=options.device,
        )
    # One process keeps a GPU busy, with several seeds in one program; each core has a process of its own.
    cores = 1 if gpu else max(1, environment.available_cores() // shared_by)
    return LocalExecutor(options.workers or cores, options.device)
