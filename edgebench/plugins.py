"""Models, datasets, training methods and metrics of other packages, found by entry points and named `package:name`.

A package declares them in its own metadata; each entry point leads to an entry of this module, which says what claims
may write and where the code is. Claims are checked without that code, and without torch:

    [project.entry-points."edgebench.models"]     # in the package's pyproject.toml
    tinynet = "my_package.entries:TINYNET"

    TINYNET = Model("my_package.network:TinyNet", options=("width",), passes=("in_channels", "classes"))

The package is the distribution's name, in lower case with hyphens. Its version is part of the hash of every trial that
uses something of it, so that another version never passes for the same.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module, metadata
from typing import Any, TypeVar

from edgebench.errors import EdgebenchError, SettingsError, did_you_mean

Option = float | int | bool | str


@dataclass(frozen=True)
class Model:
    """One network that `model:` may name.

    Attributes:
        target: `module:function` that builds it; called with the given options as keywords.
        options: keys of `ModelSettings` that it accepts, besides `name`.
        summary: one line for listings.
        passes: which of `in_channels`, `classes`, `size` and `name` the builder also takes.
    """

    target: str
    options: tuple[str, ...]
    summary: str
    passes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Dataset:
    """A dataset that `data:` may name.

    Attributes:
        target: `module:function` without arguments that returns the path of an .npz file or image folder, of the
            layouts that `npz:` and `folder:` take. It must import no torch; the content's digest is part of a
            trial's hash.
        summary: one line for listings.
    """

    target: str
    summary: str


@dataclass(frozen=True)
class Method:
    """A training method that `hooks:` may name.

    Attributes:
        target: `module:class`, a subclass of `edgebench.methods.hooks.Method`; called with `seed`, an integer of 63
            bits for all that it draws, and the options as keywords.
        summary: one line for listings.
        options: what a claim may set, with the value that each has otherwise.
    """

    target: str
    summary: str
    options: Mapping[str, Option] = field(default_factory=dict)


@dataclass(frozen=True)
class Metric:
    """A metric that `measure:` may name, of the trained network of a claim of kind `train`.

    Attributes:
        target: `module:function` of the network and its un-augmented test batches, an iterable of (images, labels);
            returns a number.
        unit: as in `edgebench.claim.metrics`.
        summary: one line for listings.
        worst: the value that a diverged arm is given; None where divergence cannot change it: it is measured then, too.
    """

    target: str
    unit: str
    summary: str
    worst: float | None = None


GROUPS: dict[type[Any], str] = {
    Model: "edgebench.models",
    Dataset: "edgebench.datasets",
    Method: "edgebench.methods",
    Metric: "edgebench.metrics",
}
_RESERVED = ("torchvision", "timm", "npz", "folder")
Entry = TypeVar("Entry", Model, Dataset, Method, Metric)


def provides(kind: type[Any], name: str) -> bool:
    """Whether a name's part before the colon is an installed package that has entries of this kind."""
    package, colon, _ = name.partition(":")
    return bool(colon) and package not in _RESERVED and package in _found(GROUPS[kind])


def entry(kind: type[Entry], name: str) -> Entry:
    """What an installed package declares under `package:name`.

    Raises:
        SettingsError: no such package or name, or an entry that cannot be used; it names the package.
    """
    what = kind.__name__.lower()
    package, _, short = name.partition(":")
    found = _found(GROUPS[kind])
    if package not in found or package in _RESERVED:
        raise SettingsError(
            f"no installed package '{package}' has a {what} for EdgeBench",
            expected=f"package:name, of {', '.join(found)}"
            if found
            else "package:name of an installed package",
            hint=did_you_mean(package, found) or f"is '{package}' installed in this environment?",
        )
    version, points = found[package]
    if short not in points:
        raise SettingsError(
            f"the package {package} {version} has no {what} called '{short}'",
            expected=f"one of {', '.join(f'{package}:{each}' for each in points)}",
            hint=did_you_mean(short, points),
        )
    return _load(kind, name, points[short], f"{package} {version}")


def target(kind: type[Any], name: str, path: str) -> Any:
    """The code that an entry leads to: `module:attribute`.

    Raises:
        SettingsError: it cannot be imported; names the package.
    """
    package = name.partition(":")[0]
    version, _ = _found(GROUPS[kind])[package]
    module, _, attribute = path.partition(":")
    try:
        return getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise SettingsError(
            f"'{name}' of the package {package} {version} cannot be imported from '{path}': {error}",
            hint=f"this is for the maintainers of {package}",
        ) from error


def metric_name(name: str) -> str:
    """How effects write a metric of a package: `my-package:norm-l2` is `arm.my_package.norm_l2`."""
    return re.sub(r"[^a-z0-9.]", "_", name.replace(":", ".").lower())


def metric_called(written: str) -> Metric | None:
    """The metric that an effect writes so, if an installed package has it."""
    for package, (_, points) in _found(GROUPS[Metric]).items():
        for short in points:
            if metric_name(f"{package}:{short}") == written:
                return entry(Metric, f"{package}:{short}")
    return None


def check_method(name: str, options: Mapping[str, Option]) -> Method:
    """The method of that name, which takes these options.

    Raises:
        SettingsError: as `entry`; an option that it does not have, or of another type.
    """
    found = entry(Method, name)
    for option, value in options.items():
        if option not in found.options:
            raise SettingsError(
                f"method '{name}' has no option '{option}'",
                expected=f"one of {', '.join(found.options)}" if found.options else "no options",
                hint=did_you_mean(option, found.options),
            )
        usual = found.options[option]
        number = isinstance(usual, float) and isinstance(value, int) and not isinstance(value, bool)
        if type(value) is not type(usual) and not number:
            raise SettingsError(
                f"option '{option}' of method '{name}' is {value!r}",
                expected=f"a {type(usual).__name__}, such as {usual!r}",
            )
    return found


def versions(settings: object) -> dict[str, str]:
    """The packages that settings name something of, with their versions."""
    found: dict[str, str] = {}
    for text in _texts(settings):
        package, colon, short = text.partition(":")
        if not colon or package in _RESERVED:
            continue
        for group in GROUPS.values():
            version, points = _found(group).get(package, ("", {}))
            if short in points:
                found[package] = version
    return found


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _texts(each)


@cache
def _found(group: str) -> dict[str, tuple[str, dict[str, metadata.EntryPoint]]]:
    """The entry points of a group by package, with its version; read once, when a name asks for it."""
    found: dict[str, tuple[str, dict[str, metadata.EntryPoint]]] = {}
    for point in metadata.entry_points(group=group):
        if point.dist is not None:
            package = re.sub(r"[-_.]+", "-", point.dist.name).lower()
            found.setdefault(package, (point.dist.version, {}))[1][point.name] = point
    return found


def forget() -> None:
    """Look for installed packages again."""
    _found.cache_clear()


def _load(kind: type[Entry], name: str, point: metadata.EntryPoint, package: str) -> Entry:
    had_torch = "torch" in sys.modules
    try:
        loaded = point.load()
    except EdgebenchError:
        raise
    except Exception as error:  # whatever another package does when it is imported
        raise SettingsError(
            f"'{name}' of the package {package} cannot be loaded: {type(error).__name__}: {error}",
            expected=f"an entry at '{point.value}'",
            hint=f"this is for the maintainers of {package.partition(' ')[0]}",
        ) from error
    if "torch" in sys.modules and not had_torch:
        raise SettingsError(
            f"'{name}' of the package {package} imports torch when claims are only checked",
            expected=f"a module for '{point.value}' that names its code as text: \"my_package.network:TinyNet\"",
        )
    if not isinstance(loaded, kind):
        raise SettingsError(
            f"'{name}' of the package {package} is a {type(loaded).__name__}",
            expected=f"an edgebench.plugins.{kind.__name__} at '{point.value}'",
        )
    return loaded
