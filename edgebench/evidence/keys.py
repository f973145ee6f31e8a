"""The keys of the trials of a bundle: what their hashes are made of."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from edgebench.evidence.forms import StoredTrial
from edgebench.run.hashing import canonical, hash_of
from edgebench.run.trial import Trial

# Versions of the hash and of the harness: said where they differ from ours, and part of the hash in any case.
_VERSIONED = ("hash", "semantics")
# What cannot be known without the files, or the other trial.
_FILES = ("data", "weights", "needs")
# Of the machine that ran it.
_PACKAGES = ("libraries", "plugins")


def key_problems(trials: Mapping[str, StoredTrial]) -> list[str]:
    """Trials whose hash is not that of their key, and sets of one name with different content."""
    problems = [
        f"the trial {name} has a key that hashes to something else"
        for name, trial in trials.items()
        if hash_of(trial.key) != name
    ]
    contents: dict[str, set[str]] = {}
    for trial in trials.values():
        content, settings = trial.key.get("data"), trial.key.get("settings")
        data = settings.get("data") if isinstance(settings, dict) else None
        name = data.get("name") if isinstance(data, dict) else None
        if isinstance(content, str) and isinstance(name, str):
            contents.setdefault(name, set()).add(content)
    return problems + [
        f"its trials are of {len(found)} different sets that are called {name!r}"
        for name, found in contents.items()
        if len(found) > 1
    ]


def is_trial(trial: StoredTrial, asked: Trial) -> bool:
    """Whether a trial is the one that is asked for, as far as can be told without its files.

    Args:
        asked: without files (`edgebench.run.inputs.Unread`).
    """
    key, wanted = trial.key, json.loads(canonical(asked.key))
    return key.keys() == wanted.keys() and all(_agree(name, key[name], wanted[name]) for name in wanted)


def _agree(name: str, found: Any, wanted: Any) -> bool:
    if name in _VERSIONED:
        return isinstance(found, int)
    if name in _FILES:
        return type(found) is type(wanted)
    if name in _PACKAGES:
        return isinstance(found, dict) and found.keys() == wanted.keys()
    if name == "onnxruntime":
        return True
    return bool(found == wanted)
