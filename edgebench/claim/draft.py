"""A new claim file: a valid, commented beginning of each kind, for a contributor to go on from."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from edgebench.claim.settings import SETTINGS
from edgebench.errors import SettingsError, did_you_mean

# Texts that are the same with and without quotes; those that YAML takes for a value or a list are not among them.
_PLAIN = re.compile(r"(?!(?:true|false|null)\Z)[A-Za-z][A-Za-z0-9 ,.()/'-]*(?<! )\Z", re.IGNORECASE)

_TRAINED = """\
tiers:
  smoke:                      # embedded data, seconds; short and paper go beside it
    model: micronet
    data: {name: digits, val: 297}
    augment: {crop: 1}
    optimiser: {name: sgd, lr: 0.1, momentum: 0.9}
    schedule: cosine
    epochs: 8
    batch: 64
    floor: {top1: 85}         # the reference arm has to train this well, or the verdict is `invalid`
"""
_DETECTED = """\
tiers:
  smoke:                      # drawn scenes, a minute a trial; short and paper go beside it
    model: {name: micronet, width: 0.25}
    data: {name: shapes-grey, size: 48, train: 640, val: 60}
    head: 32
    optimiser: {name: adamw, lr: 0.012}
    schedule: cosine
    epochs: 6
    batch: 8
    floor: {ap50: 3}          # the reference arm has to train this well, or the verdict is `invalid`
"""
_TIMED = """\
tiers:
  smoke: {input: [8, 3, 64, 64], classes: 10, looks: [3, 5]}   # looks: numbers of repetitions
"""


@dataclass(frozen=True)
class _Form:
    """How a claim of one kind begins: its arms, what it measures, and where it is run."""

    arms: Mapping[str, str]
    value: str
    expect: str
    margin: float | None
    budget: str


_FORMS: dict[str, _Form] = {
    "train": _Form(
        {"plain": "{}", "changed": "{label_smoothing: 0.1}"}, "{b}.top1 - {a}.top1", "> 0", 0.3, _TRAINED
    ),
    "detect": _Form(
        {"plain": "{}", "changed": "{augment: {flip: true}}"}, "{b}.ap50 - {a}.ap50", "> 0", 0.3, _DETECTED
    ),
    "profile": _Form(
        {"full": "{model: micronet}", "half": "{model: {name: micronet, width: 0.5}}"},
        "{b}.params - {a}.params", "< 0", None, "settings: {input: [1, 3, 32, 32], classes: 10}\n",
    ),
    "property": _Form(
        {"check": "{name: cosine-schedule, cases: 100}"}, "{a}.violations", "== 0", None, ""
    ),
    "latency": _Form(
        {"full": "{model: micronet}", "half": "{model: {name: micronet, width: 0.5}}"},
        "{b}.step_ms / {a}.step_ms", "< 1", None, _TIMED,
    ),
    "dataset": _Form({"set": "{data: digits}"}, "{a}.images", "== 1297", None, ""),
    "file": _Form(
        {"full": "{model: micronet}", "half": "{model: {name: micronet, width: 0.5}}"},
        "{b}.bytes.safetensors - {a}.bytes.safetensors", "< 0", None,
        "settings: {input: [1, 3, 32, 32], classes: 10}\n",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Draft:
    """What a contributor says of a claim; what is left open is filled with a beginning of its kind.

    Attributes:
        statement, where: as in the file.
        arms: settings by the arm's name, as YAML on one line: `{augment: {mixup: {alpha: 0.2}}}`.
        recipe: of the smoke tier, of a claim that trains; its settings are spelt out if not given.
        effect: the effect's name.
        value, expect: the last of two arms against the first, if not given.
    """

    statement: str
    where: str
    kind: str = "train"
    tags: tuple[str, ...] = ()
    arms: Mapping[str, str] = field(default_factory=dict)
    recipe: str | None = None
    effect: str = "difference"
    value: str | None = None
    expect: str | None = None
    margin: float | None = None
    published: float | None = None
    note: str | None = None

    def text(self, line: str) -> str:
        """The claim file, which begins with the line for editors.

        Raises:
            SettingsError: something that can stand in no claim file of this kind.
        """
        if self.kind not in _FORMS:
            hint = did_you_mean(self.kind, SETTINGS)
            raise SettingsError(
                f"no kind is called '{self.kind}'", expected=f"one of {', '.join(SETTINGS)}", hint=hint
            )
        form = _FORMS[self.kind]
        budget = form.budget
        if self.recipe is not None:
            if self.kind not in ("train", "detect"):
                raise SettingsError(
                    f"--recipe for a claim of kind {self.kind}", expected="one of kind train or detect"
                )
            floor = "top1: 85" if self.kind == "train" else "ap50: 3"
            budget = f"tiers:\n  smoke: {{recipe: {quoted(self.recipe)}, floor: {{{floor}}}}}\n"
        lines = [line, f"claim: {quoted(self.statement)}", f"where: {quoted(self.where)}"]
        if self.tags:
            lines.append(f"tags: [{', '.join(map(quoted, self.tags))}]")
        if self.kind != "train":
            lines.append(f"kind: {self.kind}")
        return "\n".join([*lines, *self._arms(form), budget.rstrip("\n"), *self._effects(form), ""]).replace(
            "\n\n", "\n"
        )

    def _arms(self, form: _Form) -> list[str]:
        arms = self.arms or form.arms
        for name, settings in arms.items():
            if len(settings.splitlines()) > 1:
                raise SettingsError(f"the settings of the arm '{name}' are more than one line")
        lines = [
            "arms:                         # they differ in what the claim is about, and in nothing else"
        ]
        lines += [f"  {name}: {settings or '{}'}" for name, settings in arms.items()]
        return [*lines, f"reference: {next(iter(arms))}"] if self.kind in ("train", "detect") else lines

    def _effects(self, form: _Form) -> list[str]:
        names = list(self.arms or form.arms)
        value = self.value or form.value.format(a=names[0], b=names[-1])
        margin = self.margin if self.margin is not None or self.expect else form.margin
        expect = self.expect or form.expect
        lines = [
            "effects:",
            f"  {self.effect}:",
            f"    value: {value if _PLAIN.match(value) else quoted(value)}",
            f"    expect: {quoted(expect)}",
        ]
        if margin is not None:
            lines.append(f"    margin: {margin:<18g}# the smallest effect worth the name, unit of value")
        if self.published is not None:
            lines.append(f"    published: {self.published:.12g}")
        if self.note is not None:
            lines.append(f"note: {quoted(self.note)}")
        return lines


def paper_text(line: str, *, title: str, authors: list[str], year: int, link: str) -> str:
    """`paper.yaml` of a new paper."""
    names = ", ".join(map(quoted, authors))
    return f"{line}\ntitle: {quoted(title)}\nauthors: [{names}]\nyear: {year}\nlink: {quoted(link)}\n"


def quoted(text: str) -> str:
    """A text as YAML on one line: as it is where that is safe, else in quotes."""
    text = " ".join(text.split())
    # In a list a comma would part it.
    return text if _PLAIN.match(text) and "," not in text else json.dumps(text, ensure_ascii=False)
