"""Values and pieces of text that readers trip over, shared by all generators."""

# ruff: noqa: E501 (tables of hostile values read best dense)

from __future__ import annotations

from random import Random

# Text that a terminal, a page, a table or a sheet could take for something else.
INJECTIONS = (
    "\x1b[31mred\x1b[0m", "\x1b]8;;https://example.org\x07link\x1b]8;;\x07", "\x1b]52;c;aGk=\x07", "\x1b[2J\x1b[H",
    "line\roverwritten", "two\nlines", "bell\x07", "nul\x00", "\x7f", "\x9b31m", "\x85next", "\u2028line\u2029paragraph",
    "\u202egnp.exe\u202c", "\u2066isolate\u2069", "zero\u200bwidth", "\ufeffmark", "<script>alert(1)</script>",
    "</script><script>alert(1)</script>", "<!--", "]]>", "javascript:alert(1)", "=HYPERLINK(\"http://x\")", "+1+1",
    "@SUM(1)", "-2+3", "|cell|", "[link](javascript:alert(1))", "![](http://example.org/x)", "`code`", "@everyone",
    "{{ 7*7 }}", "{% raw %}", "${{ secrets.X }}", "%s%n", "$(id)", "`id`", "; rm -rf x", "::error::forged",
)  # fmt: skip

# Letters that look like, or are folded into, others.
UNICODE = (
    "\u0430", "\u0435", "\uff11\uff12", "\u00b2", "\u0661", "\u2212", "\u00a0", "\u3000", "\ufffe", "\uffff", "\ud800",
    "\udfff", "\U0001f600", "e\u0301" * 20, "\U000e0001", "\u0130", "\u00df", "\u1e9e", "\ufb01", "\u200d", "\u00ad", "\u034f",
)  # fmt: skip

NUMBERS = (
    "0", "-0", "1", "-1", "1e999", "-1e999", "1e308", "1e-400", "5e-324", "0.1", ".5", "5.", "1_000", "0x1f", "0o17",
    "0b1", "1e", "1e+", "00012", "9" * 300, "9" * 301, "9" * 5000, "-" + "9" * 299, "1" + "0" * 25, "2147483648",
    "9223372036854775808", "-9223372036854775809", "18446744073709551616", "1.7976931348623157e308", "4.9e-325",
    "0." + "0" * 500 + "1", "3.14", "1e22", "1e23", "inf", "nan", ".inf", "-.Inf", ".NaN", "1j", "1e-5", "100000000000",
)  # fmt: skip

PATHS = (
    "../../../etc/passwd", "/etc/passwd", "/dev/zero", "/dev/stdin", "..", ".", "~", "~root/x", "C:\\x", "a/../../b",
    "file:///etc/passwd", "http://example.org/x", "npz:../../x.npz", "npz:/dev/zero", "folder:/", "npz:", "folder: ",
    "file:../../x.safetensors", "file:/dev/zero.safetensors", "file:http://x/y.safetensors", "con", "a\\b", "\\\\host\\x",
    "x" * 300, "torchvision:", "timm:", ":", "::", "edgebench:x", "os:system", "torchvision:resnet18:x",
)  # fmt: skip

WORDS = (
    "",
    " ",
    "null",
    "~",
    "true",
    "no",
    "on",
    "=",
    "<<",
    "*",
    "&",
    "!",
    "%",
    "@",
    "?",
    "-",
    ":",
    "---",
    "...",
    "x",
)


def text(random: Random) -> str:
    """One text out of everything here, or a long or mixed one."""
    pick = random.random()
    if pick < 0.25:
        return random.choice(INJECTIONS)
    if pick < 0.4:
        return random.choice(UNICODE)
    if pick < 0.6:
        return random.choice(NUMBERS)
    if pick < 0.75:
        return random.choice(PATHS)
    if pick < 0.88:
        return random.choice(WORDS)
    if pick < 0.95:
        return random.choice(("a", "é", "9", " ", "\t", "'", '"', "{", "- ", "x.")) * int(
            10 ** random.uniform(0, 4)
        )
    return text(random) + text(random)
