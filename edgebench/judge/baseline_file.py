"""A baseline as a file: YAML, one per claim and tier, written for a person to review."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from edgebench.claim.nodes import read_file
from edgebench.claim.problems import ClaimFileError, Problem
from edgebench.claim.validation import validate
from edgebench.errors import BaselineError
from edgebench.judge.baseline import Baseline


def dump(baseline: Baseline) -> str:
    """The baseline as YAML that `load` gives back equal: declared order, seeds on one line, whole numbers
    whole."""
    document = baseline.model_dump(mode="python", exclude_defaults=True)
    for effect in document["effects"].values():
        effect["verdict"] = str(effect["verdict"])
        if "subtype" in effect:
            effect["subtype"] = str(effect["subtype"])
        if "first" in effect:
            effect["first"]["verdict"] = str(effect["first"]["verdict"])
    if "environment" in document:
        document["environment"] = _sorted(document["environment"])
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


def _represent_float(dumper: yaml.SafeDumper, data: float) -> yaml.Node:
    if data.is_integer() and abs(data) < 2**53:
        return dumper.represent_int(int(data))
    return yaml.SafeDumper.represent_float(dumper, data)


_Dumper.add_representer(list, _represent_list)
_Dumper.add_representer(tuple, _represent_list)
_Dumper.add_representer(str, _represent_text)
_Dumper.add_representer(float, _represent_float)


def load(path: Path | str) -> Baseline:
    """Read a baseline file.

    Raises:
        BaselineError: missing, unreadable, or not a baseline; every problem with its line and column.
    """
    path = Path(path)
    if not path.exists():
        raise BaselineError("there is no baseline", where=str(path))
    try:
        node = read_file(path)
    except ClaimFileError as error:
        raise _malformed(error.problems) from None
    problems: list[Problem] = []
    baseline = validate(Baseline, node, problems)
    if baseline is None:
        raise _malformed(sorted(problems))
    return baseline


def _malformed(problems: Sequence[Problem]) -> BaselineError:
    """All problems of a file in one error, each on its line with its own position and hint."""
    first = problems[0]
    if len(problems) == 1:
        return BaselineError(first.message, where=str(first.mark), hint=first.hint)
    return BaselineError("\n".join(str(problem) for problem in problems))
