"""Results as JUnit XML, and as the properties that pytest's own JUnit XML carries."""

from __future__ import annotations

import platform
import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from datetime import UTC, datetime

from edgebench.claim.problems import ClaimFileError
from edgebench.report.documents import item_document
from edgebench.report.result import Result
from edgebench.report.tables import failure

# What a property may carry; the rest of an item's document is for other readers.
_CARRIED = (
    "paper", "claim", "effect", "case", "tier", "expectation", "margin", "published", "unit", "measured", "low", "high",
    "n", "values", "verdict", "subtype", "proxy", "certificate", "baseline", "seconds", "where",
)  # fmt: skip
_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def properties(result: Result) -> list[tuple[str, str]]:
    """Names and values: `edgebench.verdict`, `edgebench.low`, …; those that the result does not have are left out."""
    content = item_document(result)
    return [
        (f"edgebench.{name}", _text(content[name]))
        for name in _CARRIED
        if content[name] not in (None, "", [])
    ]


def junit_xml(results: Sequence[Result], broken: Sequence[ClaimFileError] = ()) -> str:
    """A suite with a test case for each item: a failure when it is not as recorded, an error when it failed to run.

    Pending items are skipped. Each broken claim file is a test case of its own, with an error.
    """
    failed = sum(result.verdict == "failed" for result in results)
    pending = sum(result.verdict == "pending" for result in results)
    red = sum(not result.green for result in results) - failed - pending
    root = ET.Element("testsuites", name="edgebench")
    suite = ET.SubElement(root, "testsuite", {
        "name": "edgebench", "tests": str(len(results) + len(broken)), "failures": str(red),
        "errors": str(failed + len(broken)), "skipped": str(pending),
        "time": f"{sum(result.seconds for result in results):.3f}",
        "timestamp": datetime.now(UTC).isoformat(timespec="seconds"), "hostname": platform.node(),
    })  # fmt: skip
    for result in results:
        _case(suite, result)
    for error in broken:
        first = error.problems[0].mark
        case = ET.SubElement(suite, "testcase", classname=_legal(first.file), name="broken", time="0")
        ET.SubElement(case, "error", message=_legal(str(error.problems[0]))).text = _legal(str(error))
    ET.indent(root)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _case(suite: ET.Element, result: Result) -> None:
    case = ET.SubElement(suite, "testcase", {
        "classname": _legal(result.claim.replace("/", ".")), "name": _legal(result.item),
        "time": f"{result.seconds:.3f}",
    })  # fmt: skip
    carried = ET.SubElement(case, "properties")
    for name, value in properties(result):
        ET.SubElement(carried, "property", name=name, value=_legal(value))
    if result.verdict == "pending":
        ET.SubElement(case, "skipped", message=_legal("; ".join(result.said)))
    elif not result.green:
        text = failure(result)
        what = "error" if result.verdict == "failed" else "failure"
        ET.SubElement(case, what, message=_legal(text.splitlines()[0])).text = _legal(text)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return " ".join(map(_text, value))
    return repr(value) if isinstance(value, float) else str(value)


def _legal(text: str) -> str:
    """The text without the characters that XML cannot hold."""
    return _ILLEGAL.sub("�", text)
