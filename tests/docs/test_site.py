"""The site builds without a warning, and every link in it leads somewhere."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tools.docs import __main__ as docs


def test_it_builds_and_every_link_leads_somewhere(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    if not Path(sys.executable).with_name("zensical").is_file():
        assert docs.main(["--to", str(tmp_path)]) == 1
        assert (
            'zensical is not installed; pip install -c constraints.txt -e ".[docs]"' in capfd.readouterr().err
        )
        pytest.skip("the extra `docs` is not installed")
    status = docs.main(["--strict", "--to", str(tmp_path)])
    said = capfd.readouterr()
    assert status == 0, said.out + said.err
    assert said.out.endswith(": no broken links\n")
    # Docstrings are there, and pages refer to them.
    assert "Find the parts of" in (tmp_path / "site" / "reference" / "methods.html").read_text()
    assert (
        'href="reference/methods.html#edgebench.methods.hooks"'
        in (tmp_path / "site" / "your-own.html").read_text()
    )
