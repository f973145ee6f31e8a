"""What a format refuses, before anything is gathered."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgebench.errors import ExportError, SettingsError
from edgebench.report.export import formats
from edgebench.report.export.content import Content
from edgebench.report.export.formats import FORMATS, format_of


def test_formats_by_name_and_by_suffix() -> None:
    assert format_of(None, "results.csv").name == "csv"
    assert format_of(None, "out/results.xml").name == "junit"
    assert format_of("tensorboard", "results.csv").name == "tensorboard"
    with pytest.raises(SettingsError, match=r"no format is called 'parket'.*did you mean 'parquet'"):
        format_of("parket", "x")
    with pytest.raises(
        SettingsError, match=r"'results' does not say in which format; expected --format json"
    ):
        format_of(None, "results")


@pytest.mark.parametrize("name", ["parquet", "tensorboard", "mlflow"])
def test_a_library_that_is_missing_is_named_with_its_extra(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(formats, "find_spec", lambda module: None)
    with pytest.raises(ExportError) as raised:
        FORMATS[name].check(str(tmp_path / "out"), "items")
    assert f'pip install "edgebench[{name}]"' in str(raised.value)
    assert not (tmp_path / "out").exists()


def test_every_extra_is_declared() -> None:
    import tomllib

    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"]
    assert {each.name for each in FORMATS.values() if each.needs} <= extras.keys()


def test_tables_that_a_format_does_not_have(tmp_path: Path) -> None:
    out = str(tmp_path / "x")
    with pytest.raises(SettingsError, match="junit has no table 'trials'; expected items"):
        FORMATS["junit"].check(out, "trials")
    with pytest.raises(SettingsError, match="csv has no table 'runs'; expected items or trials"):
        FORMATS["csv"].check(out, "runs")
    FORMATS["json"].check(out, "trials")


@pytest.mark.parametrize("name", ["parquet", "tensorboard", "mlflow"])
def test_what_is_no_text_does_not_go_to_standard_output(name: str) -> None:
    with pytest.raises(SettingsError, match=r"is no text for standard output; expected a f(ile|older)"):
        FORMATS[name].check("-", "items")


def test_places_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "find_spec", lambda module: object())
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("there")
    with pytest.raises(ExportError, match="is a folder; expected a file"):
        FORMATS["json"].check(str(tmp_path / "full"), "items")
    with pytest.raises(ExportError, match="the folder is not empty"):
        FORMATS["mlflow"].check(str(tmp_path / "full"), "items")
    with pytest.raises(ExportError, match="cannot be written"):
        FORMATS["csv"].check(str(tmp_path / "full" / "file" / "x.csv"), "items")
    FORMATS["mlflow"].check("http://localhost:5000", "items")
    FORMATS["csv"].check(str(tmp_path / "new" / "x.csv"), "items")
    assert list((tmp_path / "new").iterdir()) == [], "asking leaves no file behind"


def test_text_goes_to_standard_output_on_request(capsys: pytest.CaptureFixture[str]) -> None:
    FORMATS["csv"].check("-", "items")
    FORMATS["csv"].write(Content("no runs", ()), "-", "items")
    assert capsys.readouterr().out.startswith("id,paper,claim")
