"""The file format of claims, recipes and papers, as pydantic models: the one source of checks, schema and docs."""

from __future__ import annotations

import types
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, Field, create_model

from edgebench.claim.fields import Strict, named
from edgebench.claim.settings import SETTINGS, Kind

TAG_PATTERN = r"^[a-z0-9][a-z0-9-]*$"
Tag = Annotated[str, Field(pattern=TAG_PATTERN)]
Text = Annotated[str, Field(min_length=1)]
TIERS = ("smoke", "short", "paper")
# The rules of `edgebench.judge.lint`.
LintRule = Literal["vacuous", "weak", "equal-arms", "where"]


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Names = Annotated[list[str], BeforeValidator(_listed, json_schema_input_type=str | list[str])]


class ExpectedFile(Strict):
    """What the paper says of a quantity, and how it is shown."""

    expect: Text = Field(description="`> x`, `< x`, `~ x ± y`, or `== x` for exact quantities")
    margin: Annotated[float, Field(ge=0)] = Field(
        0.0, description="smallest effect worth the name, unit of value"
    )
    published: float | None = Field(None, description="the paper's own number")
    unit: str | None = Field(None, description="unit of the value, for display")
    note: str | None = Field(None, description="what a reader of the verdict should know")


class EffectFile(ExpectedFile):
    """One quantity that the claim speaks of, and what the paper says of it."""

    value: Text = Field(
        description="arithmetic over arms' metrics, evaluated per seed: `plain.top1 - mixup.top1`"
    )


class TrendFile(ExpectedFile):
    """How an effect changes along a setting, over all cases of the matrix: a slope, and what the paper says of it."""

    effect: Text = Field(description="name of the effect, which every case has")
    along: Text = Field(description="path of a setting that is a number in all arms: `data.train`")
    scale: Literal["log2", "linear"] = Field(
        "log2", description="the slope is per doubling of the setting, or with `linear` per unit of it"
    )


class TierFile(Strict):
    """What a tier fixes beside settings."""

    recipe: Names = Field(
        default_factory=list,
        description="recipe(s) for this tier alone, nearer than the claim's recipe and settings",
    )
    looks: list[Annotated[int, Field(ge=2, le=1000)]] | None = Field(
        None,
        max_length=10,
        description="numbers of seeds at which the interval is looked at; [5, 10, 20] if not given",
    )
    floor: dict[str, float] | None = Field(
        None, description="least mean of the reference arm's metrics; below it the verdict is `invalid`"
    )
    timeout: Annotated[float, Field(gt=0)] | None = Field(None, description="seconds a trial may take")
    memory: Annotated[float, Field(gt=0)] | None = Field(None, description="memory a trial may take, in GiB")


class PaperFile(Strict):
    """`paper.yaml`: the paper that a folder of claims is about."""

    title: Text
    authors: list[Text]
    year: Annotated[int, Field(ge=1900, le=2100)]
    link: Text
    note: str | None = None


class ClaimFile(Strict):
    """Keys that every claim has, whatever its kind."""

    claim: Text = Field(description="the statement, in one sentence of your own words")
    where: Text = Field(description="where the paper says it: table, figure, equation or section")
    tags: list[Tag] = Field(default_factory=list, description="become pytest markers")
    note: str | None = Field(None, description="errata, stand-ins, what the paper leaves open")
    lint: dict[LintRule, Text] = Field(
        default_factory=dict,
        description="warnings of `edgebench validate` that do not apply to this claim, each with the reason",
    )
    kind: Kind = Field("train", description="what a trial of this claim does")
    recipe: Names = Field(
        default_factory=list, description="recipe(s) the arms start from; later ones are nearer"
    )
    reference: str | None = Field(
        None, description="the arm that must reach the tier's floor; the first if not given"
    )
    # Taken apart by `edgebench.claim.matrix` before the rest is validated; here for its name and description.
    matrix: object = Field(
        None, description="axes to expand over: values of one setting by its path, or named cases"
    )
    trends: dict[str, TrendFile] = Field(
        default_factory=dict,
        min_length=1,
        description="slopes of effects along a setting, over all cases of the matrix",
    )


def _partial_type(annotation: Any) -> Any:
    """The annotation with every settings model in it made partial."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return partial(annotation)
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *extras = get_args(annotation)
        return _annotated(_partial_type(inner), extras)
    if origin in (Union, types.UnionType):
        return Union[tuple(_partial_type(each) for each in get_args(annotation))]  # noqa: UP007 (built at run time)
    return annotation


def _annotated(inner: Any, extras: Sequence[Any]) -> Any:
    """The type with its constraints; where a name is short for a mapping, the schema says so."""
    for extra in extras:
        short = isinstance(extra, BeforeValidator) and extra.func is named
        inner = Annotated[
            inner, BeforeValidator(named, json_schema_input_type=inner | str) if short else extra
        ]
    return inner


@cache
def partial(model: type[BaseModel]) -> type[BaseModel]:
    """The model with every field optional, recursively: what a recipe, tier or arm may say of it."""
    fields: dict[str, Any] = {}
    for name, info in model.model_fields.items():
        annotation = _annotated(_partial_type(info.annotation), info.metadata)
        fields[name] = (annotation | None, Field(None, description=info.description))
    return create_model(f"Partial{model.__name__}", __base__=Strict, __doc__=model.__doc__, **fields)


@cache
def recipe_model(kind: Kind) -> type[BaseModel]:
    """A recipe: settings, other recipes to start from, and a note."""
    return create_model(
        f"Recipe{kind.title()}",
        __base__=partial(SETTINGS[kind]),
        include=(
            Names,
            Field(default_factory=list, description="recipes to start from; later ones are nearer"),
        ),
        note=(str | None, None),
    )


@cache
def claim_model(kind: Kind) -> type[ClaimFile]:
    """The claim file for one kind, its arms and tiers typed by that kind's settings."""
    # Models made at run time are beyond a type checker: to it, they are of any type.
    settings: Any = partial(SETTINGS[kind])
    arms: Any = dict[str, settings]
    tier: Any = create_model(
        f"{kind.title()}Tier",
        __base__=(TierFile, settings),
        arms=(arms, Field(default_factory=dict, description="settings of single arms at this tier")),
    )
    budgets: dict[str, Any] = dict.fromkeys(TIERS, (tier | None, None))
    tiers: Any = create_model(f"{kind.title()}Tiers", __base__=Strict, **budgets)
    own_kind: Any = Literal[kind]
    fields: dict[str, Any] = {
        "kind": (own_kind, Field("train") if kind == "train" else Field()),
        "settings": (
            settings | None,
            Field(None, description="settings of all arms, nearer than the recipe"),
        ),
        "arms": (arms, Field(min_length=1, description="the configurations under comparison")),
        "tiers": (tiers | None, Field(None, description="the budgets at which the claim is checked")),
        "effects": (dict[str, EffectFile], Field(min_length=1, description="what is measured and expected")),
    }
    return create_model(f"{kind.title()}Claim", __base__=ClaimFile, **fields)


def known_keys(model: type[BaseModel], path: tuple[int | str, ...]) -> list[str]:
    """The keys allowed at `path` below `model`, for suggesting the nearest one."""
    found: set[str] = set()
    for candidate in _models_at(model, path):
        found |= set(candidate.model_fields)
    return sorted(found)


def _models_at(annotation: Any, path: tuple[int | str, ...]) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        if not path:
            yield annotation
        elif (info := annotation.model_fields.get(str(path[0]))) is not None:
            yield from _models_at(info.annotation, path[1:])
        return
    for inner in get_args(annotation):
        # A step into a mapping or list consumes one part of the path; a union or annotation consumes none.
        consumes = get_origin(annotation) in (dict, list, tuple) and path
        yield from _models_at(inner, path[1:] if consumes else path)
