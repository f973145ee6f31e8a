"""`edgebench new`: a claim file to begin with."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from edgebench.claim.catalogue import paper_of
from edgebench.claim.draft import Draft, paper_text
from edgebench.claim.editor import editor_line
from edgebench.claim.excerpt import pointed
from edgebench.claim.loader import FILE_NAME, load_claim
from edgebench.claim.problems import ClaimFileError, display_path
from edgebench.claim.recipes import Recipes
from edgebench.cli.options import DEFAULT_ROOT, USAGE, Root
from edgebench.cli.schemas import write_missing
from edgebench.errors import ExportError, SettingsError


def new(
    claim_id: Annotated[str, typer.Argument(metavar="PAPER/CLAIM", help="Folder and file name.")],
    root: Root = DEFAULT_ROOT,
    claim: Annotated[str | None, typer.Option(help="The statement, in one sentence of your own.")] = None,
    where: Annotated[str | None, typer.Option(help="Table, figure, equation or section.")] = None,
    kind: Annotated[
        str, typer.Option(help="train, detect, profile, property, latency, dataset or file.")
    ] = "train",
    tag: Annotated[list[str] | None, typer.Option(help="May be repeated.")] = None,
    arm: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME[={…}]", help="An arm with its settings; repeated, the reference first."),
    ] = None,
    recipe: Annotated[str | None, typer.Option(help="Recipe of the smoke tier (default: spelt out).")] = None,
    effect: Annotated[str, typer.Option(help="Name of the effect.")] = "difference",
    value: Annotated[str | None, typer.Option(help="What is measured: 'mixup.top1 - plain.top1'.")] = None,
    expect: Annotated[str | None, typer.Option(help="'> x', '< x', '~ x ± y', or '== x' if exact.")] = None,
    margin: Annotated[float | None, typer.Option(help="Smallest effect worth the name.")] = None,
    published: Annotated[float | None, typer.Option(help="The paper's own number.")] = None,
    note: Annotated[str | None, typer.Option(help="Errata and stand-ins.")] = None,
    title: Annotated[str | None, typer.Option(help="Of a new paper.")] = None,
    author: Annotated[list[str] | None, typer.Option(help="Of a new paper; may be repeated.")] = None,
    year: Annotated[int | None, typer.Option(help="Of a new paper.")] = None,
    link: Annotated[str | None, typer.Option(help="Of a new paper.")] = None,
) -> None:
    """Write a new claim file, and paper.yaml of a new paper; on a terminal it asks for what is not given.

    Example: edgebench new netaug/mixup-hurts --claim "Mixup hurts a tiny network" --where "Table 3"
    """
    path = _path(root.absolute(), claim_id)
    is_new = not (path.parent / "paper.yaml").exists()
    asks = sys.stdin.isatty()
    claim = _given(claim, "--claim", "The claim, in one sentence", asks)
    where = _given(where, "--where", "Where the paper says it", asks)
    if asks:
        kind = _asked("Kind (train, detect, profile, property, latency, dataset, file)", kind)
    arms = dict(_arm(each) for each in arm or [])
    draft = Draft(
        claim, where, kind, tuple(tag or ()), arms, recipe, effect, value, expect, margin, published, note
    )
    texts = {path: draft.text(editor_line(path, root.absolute()))}
    if asks and value is None and expect is None:
        draft = _ask_for_effect(draft)
        texts[path] = draft.text(editor_line(path, root.absolute()))
    if is_new:
        paper = path.parent / "paper.yaml"
        texts[paper] = paper_text(
            editor_line(paper, root.absolute()),
            title=_given(title, "--title", "Title of the paper", asks),
            authors=author or _given(None, "--author", "Its authors, with commas", asks).split(","),
            year=year if year is not None else _number(_given(None, "--year", "Its year", asks)),
            link=_given(link, "--link", "Its link", asks),
        )
    _write(texts, lambda: (paper_of(path.parent), load_claim(path, Recipes(path.parent.parent))))
    write_missing(root.absolute())
    for each in texts:
        typer.echo(f"written: {display_path(each)}")
    shown = f" --claims {root}" if root != DEFAULT_ROOT else ""
    typer.echo(f"edit it, then: edgebench validate {display_path(path)}, edgebench explain {claim_id}{shown}")


def _path(root: Path, claim_id: str) -> Path:
    paper, _, name = claim_id.partition("/")
    if not (FILE_NAME.match(paper) and FILE_NAME.match(name)) or name == "paper" or paper == "recipes":
        raise SettingsError(
            f"'{claim_id}' cannot be a claim's id",
            expected="<paper>/<claim>, of letters, digits, '.', '_' and '-'",
            hint="such as netaug/regularisers-hurt-tiny",
        )
    path = root / paper / f"{name}.yaml"
    for taken in (path, path.with_suffix(".yml")):
        if taken.exists() or taken.is_symlink():
            raise SettingsError(
                f"{display_path(taken)} is there already",
                expected="a new name",
                hint="nothing is overwritten",
            )
    return path


def _arm(text: str) -> tuple[str, str]:
    name, _, settings = text.partition("=")
    return name.strip(), settings.strip() or "{}"


def _given(value: str | None, option: str, question: str, asks: bool) -> str:
    if value is None and not asks:
        raise SettingsError(f"{option} is missing", expected=question[0].lower() + question[1:])
    text = str(typer.prompt(question)) if value is None else value
    if not text.strip():
        raise SettingsError(f"{option} is empty", expected=question[0].lower() + question[1:])
    return text


def _asked(question: str, default: str) -> str:
    return str(typer.prompt(question, default=default, show_default=bool(default))).strip()


def _ask_for_effect(draft: Draft) -> Draft:
    """The draft with its arms and effect as answered; what is left empty stays as the kind's beginning."""
    arms = dict(draft.arms)
    while not draft.arms:
        answer = _asked("An arm, NAME={settings}; empty when done", "")
        if not answer:
            break
        arms.update([_arm(answer)])
    answers: dict[str, Any] = {"arms": arms}
    for key, question in (
        ("value", "What is measured, such as 'changed.top1 - plain.top1'"),
        ("expect", "What is expected, such as '> 0'"),
    ):
        answers[key] = _asked(f"{question}; empty for a beginning", "") or None
    for key in ("margin", "published"):
        if getattr(draft, key) is None and (answer := _asked(f"{key.title()}; empty for none", "")):
            answers[key] = _number(answer, float)
    return replace(draft, **answers)


def _number(text: str, number: Callable[[str], Any] = int) -> Any:
    try:
        return number(text)
    except ValueError:
        raise SettingsError(f"'{text}' is not a number", expected="a number") from None


def _write(texts: dict[Path, str], check: Callable[[], object]) -> None:
    """Write the files, and take them away again unless they are in order; none is ever overwritten."""
    folder = next(iter(texts)).parent
    made = [each for each in (folder, *folder.parents) if not each.exists()]
    written: list[Path] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in texts.items():
            with path.open("x", encoding="utf-8") as file:
                written.append(path)
                file.write(text)
        check()
    except BaseException as error:
        if isinstance(error, ClaimFileError):
            typer.echo(pointed(error), err=True)  # while its lines can still be shown
        for each in written:
            each.unlink()
        for each in made:
            if each.is_dir():
                each.rmdir()
        if isinstance(error, ClaimFileError):
            typer.echo("edgebench: the claim would not be valid; nothing is written", err=True)
            raise typer.Exit(USAGE) from None
        if isinstance(error, FileExistsError):
            raise SettingsError(f"{error.filename} is there already", hint="nothing is overwritten") from None
        if isinstance(error, OSError):
            where = display_path(folder)
            raise ExportError(
                f"cannot be written: {error.strerror or error}",
                where=where,
                hint="choose another folder by --claims",
            ) from None
        raise
