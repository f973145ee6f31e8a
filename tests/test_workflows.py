"""The workflows: they parse, may do little, pin what they use, and run commands that exist."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from edgebench import pytest_plugin
from tests import commands

TOP = Path(__file__).parent.parent
WORKFLOWS = sorted((TOP / ".github" / "workflows").glob("*.yml"))
PYTEST = {"--junitxml", "-k", "-m", "-n", "-v", "-q"}  # pytest's own, and pytest-xdist's


def load(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.load(
        path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader
    )  # `on` is no truth
    return content


def steps(path: Path) -> Iterator[dict[str, Any]]:
    for job in load(path)["jobs"].values():
        yield from job["steps"]


def scripts(path: Path) -> str:
    return "\n".join(step["run"] for step in steps(path) if "run" in step)


@pytest.fixture(params=WORKFLOWS, ids=lambda path: path.name)
def path(request: pytest.FixtureRequest) -> Path:
    found: Path = request.param
    return found


def test_there_are_workflows() -> None:
    assert [path.name for path in WORKFLOWS] == ["ci.yml", "hostile.yml", "nightly.yml"]


def test_it_may_read_and_nothing_else(path: Path) -> None:
    content = load(path)
    assert content["permissions"] == {"contents": "read"}
    for job in content["jobs"].values():
        assert "permissions" not in job
        assert int(job["timeout-minutes"]) <= 350, "GitHub ends jobs after 6 hours, without saving anything"
    checkouts = [step for step in steps(path) if step.get("uses", "").startswith("actions/checkout@")]
    assert checkouts
    assert all(step["with"]["persist-credentials"] == "false" for step in checkouts)


def test_actions_are_pinned_by_their_commit(path: Path) -> None:
    used = re.findall(r"uses: (.*)", path.read_text(encoding="utf-8"))
    assert used
    for each in used:
        assert re.fullmatch(r"actions/[a-z/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", each), each


def test_nothing_from_outside_is_put_into_scripts(path: Path) -> None:
    """`${{ … }}` in a script is text that becomes code; values come through the environment."""
    assert "${{" not in scripts(path)


def test_packages_come_from_where_the_machine_says() -> None:
    """No script names a package index: torch's nightly build comes from the one that a repository variable gives."""
    for path in WORKFLOWS:
        assert "://" not in scripts(path)
    (step,) = [
        each
        for each in steps(TOP / ".github" / "workflows" / "nightly.yml")
        if "nightly" in each.get("if", "")
    ]
    assert step["env"] == {"PIP_INDEX_URL": "${{ vars.TORCH_NIGHTLY_INDEX }}"}


def test_commands_exist(path: Path) -> None:
    found = [commands.complaint(words) for words in commands.in_script(scripts(path))]
    assert not [each for each in found if each]
    for name in re.findall(r"tools/\S+\.py|\.ci/run", scripts(path)):
        assert (TOP / name).is_file()
    for name in re.findall(r"python -m (tools\.\w+)", scripts(path)):
        assert (TOP / name.replace(".", "/") / "__main__.py").is_file()


def test_targets_of_fuzzing_exist() -> None:
    from tools.fuzz.targets import TARGETS

    script = scripts(TOP / ".github" / "workflows" / "hostile.yml").replace("\\\n", " ")
    fed = [words.split(" --")[0].split() for words in re.findall(r"python -m tools\.fuzz (.*)", script)]
    assert {name for names in fed for name in names} == set(TARGETS), "all of them, and no other"
    followed = re.findall(r"for target in (.*);", script)
    assert followed
    assert {name for names in followed for name in names.split()} <= set(TARGETS)
    assert "-max_total_time=" in script, "nothing runs without end"


def test_every_dependency_is_pinned_exactly() -> None:
    """What is audited is what is installed: one version of each, and of every package that the project asks for."""
    lines = (TOP / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    for pin in pins:
        assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*==[0-9][0-9A-Za-z.+!]*", pin), pin
    names = [re.sub(r"[-_.]+", "-", pin.partition("==")[0]).lower() for pin in pins]
    assert len(set(names)) == len(names), "none twice"
    project = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = [
        *project["dependencies"],
        *(each for extra in project["optional-dependencies"].values() for each in extra),
    ]
    wanted = {re.sub(r"[-_.]+", "-", re.match(r"[A-Za-z0-9._-]+", each)[0]).lower() for each in asked}  # type: ignore[index]
    assert wanted - {"edgebench"} <= set(names)


def test_options_of_pytest_exist(path: Path) -> None:
    parser = pytest.Parser(_ispytest=True)
    pytest_plugin.pytest_addoption(parser)
    own = {name for option in parser.getgroup("edgebench").options for name in option.names()}
    for line in re.findall(r"^pytest (.*)$", scripts(path), re.MULTILINE):
        assert set(re.findall(r"(?<!\S)--?[a-z][a-z-]*", line)) <= own | PYTEST


def test_actionlint(path: Path) -> None:
    if (actionlint := shutil.which("actionlint")) is None:
        pytest.skip("actionlint is not installed")
    subprocess.run([actionlint, str(path)], check=True, timeout=60)


def test_the_night_is_judged_by_its_summary_alone() -> None:
    """Neither pending items nor one failed trial make the run's own exit status count."""
    (job,) = load(TOP / ".github" / "workflows" / "nightly.yml")["jobs"].values()
    by_name = {step.get("name"): step for step in job["steps"]}
    assert by_name["Run the claims"]["continue-on-error"] == "true"
    names = list(by_name)
    later = names[names.index("Run the claims") + 1 :]
    assert later == [
        "Keep the results",
        "Write the report",
        "Say what changed",
        "Upload report, JUnit and badge",
    ]
    assert all(by_name[name]["if"] == "always()" for name in later)
    assert not any("continue-on-error" in by_name[name] for name in later)
    torches = re.findall(r"'(\[.*?\])'", job["strategy"]["matrix"]["torch"])
    assert [json.loads(each) for each in torches] == [["stable", "nightly"], ["stable"]]
    assert job["continue-on-error"] == "${{ matrix.torch == 'nightly' }}"
