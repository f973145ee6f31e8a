"""Builds the documentation: `python -m tools.docs [--strict]`, into `build/docs/site`. Nothing is fetched.

Pages that people write are in `docs/`; pages of claims, commands, settings and modules are generated here, from the
claims and their baselines, the command line, the schema and the docstrings.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from tools.docs import links, pages

TOP = Path(__file__).parent.parent.parent
BUILD = TOP / "build" / "docs"


def main(arguments: list[str] | None = None) -> int:
    """Build the site; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.docs", description=__doc__.partition("\n")[0])
    parser.add_argument("--strict", action="store_true", help="fail on every warning")
    parser.add_argument("--to", type=Path, default=BUILD, metavar="DIR", help="folder for sources and site")
    given = parser.parse_args(arguments)
    build = given.to.absolute()
    config = pages.write(TOP, build)
    # Beside this interpreter, because another zensical on the path would not see these modules.
    program = Path(sys.executable).with_name("zensical")
    if not program.is_file():
        print('zensical is not installed; pip install -c constraints.txt -e ".[docs]"', file=sys.stderr)
        return 1
    command = [str(program), "build", "--clean", "--config-file", str(config), *["--strict"] * given.strict]
    if status := subprocess.run(command, check=False).returncode:
        return status
    broken = links.broken(build / "site")
    for each in broken:
        print(each, file=sys.stderr)
    print(f"{build / 'site' / 'index.html'}: {len(broken) or 'no'} broken links")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
