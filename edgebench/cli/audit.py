"""`edgebench audit`: how far the judge and the claims can be trusted; nothing is run."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import typer

from edgebench.claim.catalogue import load_catalogue
from edgebench.cli.options import (
    DEFAULT_ROOT,
    FAILED,
    NOT_AS_RECORDED,
    AsJson,
    Device,
    Keyword,
    Quiet,
    Root,
    StoreFile,
)
from edgebench.cli.selection import complain, left_with_nothing, select, warn
from edgebench.errors import StoreError

if TYPE_CHECKING:
    from pathlib import Path

    from edgebench.judge.audit.subject import Subject


def audit(
    root: Root = DEFAULT_ROOT,
    keyword: Keyword = None,
    store: StoreFile = None,
    device: Device = "cpu",
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Audit the judge, and every claim by mutation, on the seeds of the baselines. Example: edgebench audit -k netaug

    How often a verdict is decided although nothing differs, what the intervals cover over all looks, which shifts are
    found; and whether each effect would be judged otherwise if it claimed something else. With --store also on what the
    store has: more seeds, and all metrics. Leaves with 1 when a rate is above its limit or an effect is vacuous, with 4
    when a baseline cannot be read.
    """
    from edgebench.judge.audit.audit import audit as audited
    from edgebench.judge.audit.subject import subjects
    from edgebench.report.audit import audit_document, summary
    from edgebench.report.documents import text_of
    from edgebench.report.result import Baselines

    catalogue = load_catalogue([root.absolute()])
    unread: dict[str, None] = {}
    chosen = list(
        subjects(
            select(catalogue.claims, keyword),
            Baselines().get,
            lambda error: unread.update({str(error): None}),
        )
    )
    for error in unread:
        warn(error)
    if not chosen:
        complain(catalogue)
        if unread:
            raise typer.Exit(FAILED)
        raise left_with_nothing("no claim that has a baseline was selected; see `edgebench list`")
    found = audited(chosen if store is None else _with_store(chosen, store, device))
    failures = found.failures()
    if as_json:
        typer.echo(text_of(audit_document(found, FAILED if unread else NOT_AS_RECORDED if failures else 0)))
    else:
        typer.echo(summary(found, quiet=quiet))
    complain(catalogue)
    if unread:
        raise typer.Exit(FAILED)
    if failures:
        raise typer.Exit(NOT_AS_RECORDED)


def _with_store(chosen: list[Subject], store: Path, device: str) -> list[Subject]:
    from edgebench.run import environment
    from edgebench.run.audited import with_store
    from edgebench.run.inputs import Known
    from edgebench.run.options import Options
    from edgebench.run.outlook import StoredOutlook
    from edgebench.run.store import Store

    path = Options(store=store, device=device).check().store_path()
    if not path.is_file():  # opening one would make it
        raise StoreError(
            "there is no store", where=str(path), hint="leave out --store to audit the baselines"
        )
    identity = environment.identity_key(environment.identity(device))
    with closing(Store(path)) as opened:
        return list(
            with_store(chosen, StoredOutlook(opened, identity, lambda claim, tier: None, inputs=Known()))
        )
