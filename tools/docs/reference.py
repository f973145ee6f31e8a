"""Reference pages: commands, keys of claim files, metrics and modules, each from where it is defined."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import typer.main

from edgebench import cli
from edgebench.claim.metrics import METRICS
from edgebench.claim.schema import claim_schema
from edgebench.report.markdown import code, table, text

# What people import; the command line and what runs trials have their own pages, or none.
PACKAGES = {
    "methods": "Methods that papers propose, as modules of PyTorch",
    "models": "Networks",
    "data": "Datasets, splits and augmentation",
    "measure": "Memory, operations and latency",
    "judge": "Effects, intervals, verdicts, baselines",
    "claim": "Claim files",
    "train": "Training",
    "detect": "Detectors",
    "run": "Trials, store, executors",
    "report": "Tables and summaries",
}


def pages(top: Path) -> tuple[dict[str, str], list[Any]]:
    """All pages by file name, and their part of the navigation."""
    made = {
        "reference/commands.md": _commands(),
        "reference/claim-files.md": _schema(),
        "reference/metrics.md": _metrics(),
    }
    modules: list[Any] = []
    for package, told in PACKAGES.items():
        made[f"reference/{package}.md"] = _package(top, package, told)
        modules.append({f"edgebench.{package}": f"reference/{package}.md"})
    nav: list[Any] = [
        {"Commands": "reference/commands.md"},
        {"Keys of claim files": "reference/claim-files.md"},
        {"Metrics": "reference/metrics.md"},
        {"Modules": modules},
    ]
    return made, nav


def _commands() -> str:
    lines = ["# Commands", "", "`edgebench --help` and `edgebench COMMAND --help` say the same.", ""]
    for name, command in _walk("edgebench", typer.main.get_command(cli.app)):
        said, _, example = inspect.cleandoc(command.help or "").partition("Example: ")
        example, _, more = example.partition("\n")
        lines += [f"## {name}", "", prose(said.strip())]
        if more.strip():
            lines += ["", prose(more.strip())]
        rows = [
            [code(", ".join(each.opts) if each.param_type_name == "option" else each.metavar or each.name.upper()),
             prose(getattr(each, "help", "") or "")]
            for each in command.params
        ]  # fmt: skip
        lines += ["", table(["argument or option", ""], rows), ""] if rows else [""]
        if example:
            lines += ["```bash", example.strip(), "```", ""]
    return "\n".join(lines)


def prose(said: str) -> str:
    """Text of a docstring or description, what stands between backticks in the letters of code."""
    return "".join(
        code(part) if odd else _text(part)
        for part, odd in zip(said.split("`"), cycle((False, True)), strict=False)
    )


def _text(part: str) -> str:
    """As `text`, with the spaces at both ends, which separate the part from code."""
    return (
        part[: len(part) - len(part.lstrip())] + text(part) + part[len(part.rstrip()) :]
        if part.strip()
        else part
    )


def _walk(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    if not hasattr(command, "commands"):
        yield name, command
        return
    for key, inner in command.commands.items():
        yield from _walk(f"{name} {key}", inner)


def _metrics() -> str:
    lines = ["# Metrics", "", "What an effect may read of an arm (`arm.metric`), by the kind of the claim."]
    for kind, metrics in METRICS.items():
        rows = [
            [
                code(name),
                prose(metric.summary),
                text(metric.unit),
                "" if metric.worst is None else f"{metric.worst:g}",
            ]
            for name, metric in metrics.items()
        ]
        lines += ["", f"## {kind}", "", table(["metric", "what it is", "unit", "when diverged"], rows)]
    return "\n".join(lines) + "\n"


def _schema() -> str:
    """The keys of claim files, of every kind, from the schema that editors use."""
    schema = claim_schema()
    lines = [
        "# Keys of claim files",
        "",
        "Generated from the models that also load claim files. `edgebench schema` prints it as a JSON schema.",
    ]
    for name, definition in sorted(schema["$defs"].items(), key=lambda each: _rank(each[0])):
        if "properties" not in definition:
            continue
        lines += ["", f"## {_title(name)} {{ #{name.lower()} }}", ""]
        if said := definition.get("description"):
            lines += [prose(said), ""]
        required = definition.get("required", [])
        rows = [
            [
                code(key),
                _type(value),
                ("required. " if key in required else "") + prose(value.get("description", "")),
            ]
            for key, value in definition["properties"].items()
        ]
        lines.append(table(["key", "value", ""], rows))
    return "\n".join(lines) + "\n"


def _rank(name: str) -> tuple[int, bool, str]:
    """Files first, those of trained claims before those of other kinds, then what stands in them."""
    parts = ("Claim", "Tiers", "Tier", "File")
    place = next((number for number, part in enumerate(parts) if name.endswith(part)), len(parts))
    return place, not name.removeprefix("Partial").startswith("Train"), name


def _title(name: str) -> str:
    """A heading for a model: `PartialTrainSettings` → `Train settings`."""
    short = name.removeprefix("Partial").removesuffix("File")
    return "".join(
        f" {letter.lower()}" if letter.isupper() and place else letter for place, letter in enumerate(short)
    )


def _type(value: dict[str, Any]) -> str:
    """What a key may hold, in words, with links to the models."""
    if "$ref" in value:
        name = value["$ref"].rpartition("/")[2]
        return f"[{_title(name)}](#{name.lower()})"
    if "anyOf" in value:
        told = [_type(each) for each in value["anyOf"] if each.get("type") != "null"]
        return " or ".join(dict.fromkeys(told))
    if "const" in value:
        return code(value["const"])
    if "enum" in value:
        return ", ".join(map(code, value["enum"]))
    match value.get("type"):
        case "array":
            return f"list of {_type(value['items'])}" if isinstance(value.get("items"), dict) else "list"
        case "object":
            inner = value.get("additionalProperties")
            return f"by name: {_type(inner)}" if isinstance(inner, dict) and inner else "mapping"
        case str(kind):
            return {"string": "text", "integer": "whole number", "boolean": "true or false"}.get(kind, kind)
        case list(kinds):
            return " or ".join(_type({"type": kind}) for kind in kinds)
    return "anything"


def _package(top: Path, package: str, told: str) -> str:
    """A page on which mkdocstrings puts the docstrings of every module of a package that has public names."""
    lines = [f"# edgebench.{package}", "", f"{told}."]
    folder = top / "edgebench" / package
    for path in sorted(folder.rglob("*.py")):
        name = ".".join(path.relative_to(top).with_suffix("").parts).removesuffix(".__init__")
        if path.name.startswith("_") and path.name != "__init__.py":
            continue
        if _is_public(path):
            lines += ["", f"::: {name}"]
    return "\n".join(lines) + "\n"


def _is_public(path: Path) -> bool:
    """Whether a module defines something that is documented and meant for others."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return any(
        isinstance(node, ast.FunctionDef | ast.ClassDef)
        and not node.name.startswith("_")
        and ast.get_docstring(node)
        for node in tree.body
    )
