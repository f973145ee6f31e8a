"""Fuzzing that follows what the code does with an input: `python -m tools.fuzz.guided expressions -max_total_time=60`.

Needs atheris (`pip install atheris`), which is no dependency of EdgeBench. Options are libFuzzer's; whatever a target
must not do (`tools.fuzz.campaign`) ends the run with a status other than 0, and the input is written to a file.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

_SEEDS = 200  # inputs of the target's own generator to begin with


def main(arguments: list[str]) -> None:
    """Fuzz the target that the first argument names."""
    import atheris

    with atheris.instrument_imports(include=["edgebench"]):
        from tools.fuzz.campaign import LIMIT_SECONDS, quick_folder, sample
        from tools.fuzz.targets import TARGETS

    if not arguments or arguments[0] not in TARGETS:
        sys.exit(f"usage: python -m tools.fuzz.guided TARGET [OPTION]…, a target of {', '.join(TARGETS)}")
    name, *options = arguments
    with tempfile.TemporaryDirectory(dir=quick_folder(), prefix="fuzz-") as folder:
        target = TARGETS[name](Path(folder) / "work")
        corpus = Path(folder) / "corpus"
        corpus.mkdir()
        for number in range(_SEEDS):
            (corpus / str(number)).write_bytes(sample(target, 0, number))

        def feed(data: bytes) -> None:
            target.feed(data)

        # Instrumented code is several times as slow as its own.
        atheris.Setup([sys.argv[0], f"-timeout={20 * LIMIT_SECONDS:.0f}", *options, str(corpus)], feed)
        atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
