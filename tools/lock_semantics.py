"""Writes tests/run/semantics.json: which code the stored records of this SEMANTICS were made by.

Stored trials are served as long as `SEMANTICS` (edgebench/run/trial.py) stays the same. When the code that trials run
has changed, a test fails until somebody has decided: raise `SEMANTICS` if any result can change, then run
`python tools/lock_semantics.py` and commit both.
"""

from __future__ import annotations

import ast
import hashlib
import json
from pathlib import Path

from edgebench.run.trial import SEMANTICS

ROOT = Path(__file__).parents[1]
FOLDERS = ("data", "detect", "measure", "methods", "models", "train")
LOCK = ROOT / "tests" / "run" / "semantics.json"


def code_digest() -> str:
    """SHA-256 over the syntax trees of the code that trials run; comments, docstrings and layout do not count."""
    digest = hashlib.sha256()
    for folder in FOLDERS:
        for path in sorted((ROOT / "edgebench" / folder).rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            for node in ast.walk(tree):
                body = getattr(node, "body", None)
                if isinstance(body, list) and body and _is_docstring(body[0]):
                    del body[0]
            digest.update(f"{path.relative_to(ROOT).as_posix()}\0{ast.dump(tree)}\0".encode())
    return digest.hexdigest()


def _is_docstring(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


if __name__ == "__main__":
    LOCK.write_text(
        json.dumps({"semantics": SEMANTICS, "code": code_digest()}, indent=2) + "\n", encoding="utf-8"
    )
