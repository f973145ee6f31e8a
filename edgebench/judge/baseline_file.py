"""A baseline as a file: YAML, one per claim and tier, written for a person to review."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Sequence
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import yaml
from pydantic import BaseModel

from edgebench.claim.nodes import read_file
from edgebench.claim.problems import ClaimFileError, Problem
from edgebench.claim.validation import validate
from edgebench.errors import BaselineError, EdgebenchError
from edgebench.judge.baseline import Baseline

_Document = TypeVar("_Document", bound=BaseModel)


def dump(baseline: Baseline) -> str:
    """The baseline as YAML that `load` gives back equal: declared order, seeds on one line, whole numbers
    whole."""
    return dump_document(baseline.model_dump(mode="python", exclude_defaults=True))


def dump_document(document: dict[str, Any]) -> str:
    """What is recorded, a baseline or a certificate, as YAML for a person to review."""
    if "environment" in document:
        document = {**document, "environment": _sorted(document["environment"])}
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=math.inf)


def _sorted(value: Any) -> Any:
    return {key: _sorted(value[key]) for key in sorted(value)} if isinstance(value, dict) else value


class _Dumper(yaml.SafeDumper):
    """Lists on one line, whole floats as integers, no anchors; text that could be a number in quotes.

    The quotes are needed because PyYAML writes for YAML 1.1, in which `1e5` is text, and baselines are read
    as 1.2.
    """

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _represent_list(dumper: yaml.SafeDumper, data: Any) -> yaml.Node:
    return dumper.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=True)


def _represent_text(dumper: yaml.SafeDumper, data: str) -> yaml.Node:
    style = "'" if re.match(r"[-+]?\.?[0-9][0-9_.eE+-]*\Z", data) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", data, style=style)


def _represent_enum(dumper: yaml.SafeDumper, data: StrEnum) -> yaml.Node:
    return _represent_text(dumper, str(data))


def _represent_float(dumper: yaml.SafeDumper, data: float) -> yaml.Node:
    if data.is_integer() and abs(data) < 2**53:
        return dumper.represent_int(int(data))
    return yaml.SafeDumper.represent_float(dumper, data)


_Dumper.add_representer(list, _represent_list)
_Dumper.add_representer(tuple, _represent_list)
_Dumper.add_representer(str, _represent_text)
_Dumper.add_multi_representer(StrEnum, _represent_enum)
_Dumper.add_representer(float, _represent_float)


def renew(text: str, baseline: Baseline, items: Collection[str]) -> str:
    """A stored baseline's text with these effects, who recorded it and the environment as in `baseline`.

    Everything else stays as it stands, byte for byte: other effects, comments, the order.

    Raises:
        BaselineError: when the text is not laid out line by line, as `dump` writes it.
    """
    fresh = _parts(dump(baseline))
    old = _parts(text)
    if fresh is None or old is None or not {"recorded", "effects"} <= set(old.top):
        raise BaselineError(
            "its keys do not stand on lines of their own",
            expected="the layout that `edgebench baseline record` writes",
            hint="record it again",
        )
    top = {**old.top, "recorded": fresh.top["recorded"]}
    if "environment" in fresh.top:
        effects = top.pop("effects")  # the last key, also where the environment is new
        top |= {"environment": fresh.top["environment"], "effects": effects}
    blocks = {**old.effects, **{item: fresh.effects[item] for item in items}}
    return old.above + "".join(top.values()) + "".join(blocks.values())


class _Parts(NamedTuple):
    """A baseline's text taken apart; joined in this order, the parts are the text."""

    above: str
    top: dict[str, str]
    effects: dict[str, str]


def _parts(text: str) -> _Parts | None:
    """The lines above the first key, those of each key, and those of each effect; None in another layout.

    What `effects` holds in `top` is its own line alone. A comment belongs to the key above it.
    """
    # The C parser is ten times faster where libyaml is there.
    node = yaml.compose(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    lines = text.splitlines(keepends=True)
    top = _blocks(node, lines, len(lines))
    if not isinstance(node, yaml.MappingNode) or top is None:
        return None
    below = {key.value: value for key, value in node.value}.get("effects")
    if below is None or list(top)[-1] != "effects":
        return None
    effects = _blocks(below, lines, len(lines))
    if effects is None:
        return None
    above = "".join(lines[: node.value[0][0].start_mark.line])
    inside = "".join(effects.values())
    return _Parts(above, {**top, "effects": top["effects"].removesuffix(inside)}, effects)


def _blocks(node: yaml.Node | None, lines: Sequence[str], end: int) -> dict[str, str] | None:
    """The lines of each key of a mapping, up to the next key; None unless each begins a line of its own."""
    if not isinstance(node, yaml.MappingNode) or node.flow_style:
        return None
    starts = [key.start_mark.line for key, _ in node.value]
    if any(later <= earlier for earlier, later in pairwise(starts)):
        return None
    names = [str(key.value) for key, _ in node.value]
    return {
        name: "".join(lines[start:stop])
        for name, start, stop in zip(names, starts, [*starts[1:], end], strict=True)
    }


def load(path: Path | str) -> Baseline:
    """Read a baseline file.

    Raises:
        BaselineError: missing, unreadable, or not a baseline; every problem with its line and column.
    """
    return read_document(Path(path), Baseline, BaselineError, "there is no baseline")


def read_document(path: Path, model: type[_Document], error: type[EdgebenchError], missing: str) -> _Document:
    """Read what was recorded, as `dump_document` writes it.

    Args:
        model: what it must be.
        error: raised when it is not: every problem with its line and column; or, in the words `missing`, not there.
    """
    if not path.exists():
        raise error(missing, where=str(path))
    try:
        node = read_file(path)
    except ClaimFileError as unreadable:
        raise _malformed(unreadable.problems, error) from None
    problems: list[Problem] = []
    document = validate(model, node, problems)
    if document is None:
        raise _malformed(sorted(problems), error)
    return document


def _malformed(problems: Sequence[Problem], error: type[EdgebenchError]) -> EdgebenchError:
    """All problems of a file in one error, each on its line with its own position and hint."""
    first = problems[0]
    if len(problems) == 1:
        return error(first.message, where=str(first.mark), hint=first.hint)
    return error("\n".join(str(problem) for problem in problems))
