"""The sources of the site: all claims, all commands, all keys, and no page that is not in the navigation."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edgebench.claim.catalogue import load_catalogue
from tools.docs import pages, reference

TOP = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("docs")
    assert pages.write(TOP, folder) == folder / "zensical.toml"
    return folder


def in_nav(nav: Any) -> Iterator[str]:
    if isinstance(nav, str):
        yield nav
    for each in nav.values() if isinstance(nav, dict) else nav if isinstance(nav, list) else ():
        yield from in_nav(each)


def test_every_page_is_in_the_navigation(build: Path) -> None:
    config = tomllib.loads((build / "zensical.toml").read_text())
    listed = list(in_nav(config["project"]["nav"]))
    assert len(set(listed)) == len(listed)
    assert {str(path.relative_to(build / "pages")) for path in (build / "pages").rglob("*.md")} == set(listed)
    assert config["project"]["plugins"]["mkdocstrings"]["handlers"]["python"]["paths"] == [str(TOP)]
    assert config["project"]["theme"]["font"] is False, "fonts would be loaded from elsewhere"


def test_every_claim_has_a_page_with_its_effects_and_its_file(build: Path) -> None:
    claims = load_catalogue([TOP / "claims"]).claims
    assert claims
    for claim in claims:
        text = (build / "pages" / "claims" / f"{claim.id}.md").read_text()
        assert f"edgebench run -k {claim.id} --tier" in text
        assert claim.path.read_text().splitlines()[-1] in text
        for tier in claim.tiers:
            assert f"\n## At tier {tier}\n" in text
    text = (build / "pages" / "claims" / "netaug" / "regularisers-hurt-tiny.md").read_text()
    assert text.count('<figure class="interval">') >= 6
    assert "<code>plain.top1 - dropblock.top1</code>" in text


def test_a_page_without_a_place_comes_after_those_on_use() -> None:
    nav = pages.navigation(
        {"index.md": "# EdgeBench", "json.md": "# For scripts\n\nText", "contributing.md": "# C"}
    )
    assert nav[1]["Use"][-1] == {"For scripts": "json.md"}
    assert nav[2]["Contribute"][-1] == {"Write a claim": "contributing.md"}


def test_pictures_are_put_in(build: Path) -> None:
    text = (build / "pages" / "verdicts.md").read_text()
    assert "<!-- picture" not in text
    assert text.count("<svg ") == (TOP / "docs" / "verdicts.md").read_text().count("<!-- picture: ") == 9


@pytest.mark.parametrize(
    ("link", "page"),
    [
        ("[it](docs/scaling.md#slurm)", "[it](scaling.md#slurm)"),
        ("[it](README.md)", "[it](index.md)"),
        ("[it](LICENSE)", "it"),
        ("[it](https://example.org)", "[it](https://example.org)"),
        ("[it](#here)", "[it](#here)"),
        ("`looks: [5, 10]` (see)", "`looks: [5, 10]` (see)"),
    ],
)
def test_links_of_documents_from_the_top_folder(link: str, page: str) -> None:
    assert pages.relinked(link) == page


def test_commands_and_keys_are_all_there(build: Path) -> None:
    commands = (build / "pages" / "reference" / "commands.md").read_text()
    for name in ("run", "baseline refresh", "summary"):
        assert f"\n## edgebench {name}\n" in commands
    assert "```bash\nedgebench run -k mobiletl\n```" in commands
    keys = (build / "pages" / "reference" / "claim-files.md").read_text()
    assert keys.index("## Train claim") < keys.index("## Dataset claim") < keys.index("## Train settings")
    assert "| <code>margin</code> | number | smallest effect worth the name, unit of value |" in keys
    assert "[Optimiser settings](#partialoptimisersettings)" in keys
    metrics = (build / "pages" / "reference" / "metrics.md").read_text()
    told = "accuracy on the test split, or on the fold, of the trained network"
    assert f"| <code>top1</code> | {told} | % | 0 |" in metrics
    methods = (build / "pages" / "reference" / "methods.md").read_text()
    assert "\n::: edgebench.methods.mobiletl\n" in methods
    assert "::: edgebench.methods.__init__" not in methods


def test_code_in_descriptions() -> None:
    assert reference.prose("by `a|b`, or *") == "by <code>a&#124;b</code>, or &#42;"
