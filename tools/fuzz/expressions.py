"""Effect expressions and expectations: by the grammar, by a soup of its tokens, from real ones changed, and bombs."""

# ruff: noqa: E501 (tables of hostile values read best dense)

from __future__ import annotations

from random import Random

from tools.fuzz import atoms

ARMS = ("plain", "mixup", "a", "b", "check", "full", "half")
NUMBERS = ("top1", "val_loss", "params", "gap", "settings.data.train", "settings.epochs", "train_seconds")
CURVES = ("curve.val_top1", "curve.val_loss", "curve.train_loss", "curve.lr", "folds.top1")
METRICS = (
    *NUMBERS, *CURVES, "memory.counted", "step_ms", "violations", "bytes.onnx", "settings", "folds", "curve", "nothing",
)  # fmt: skip
FUNCTIONS = (
    "min", "max", "mean", "abs", "log", "log2", "slope", "at", "last", "roughness", "epochs_to", "epochs_down_to",
    "late_slope", "rise", "front", "eval", "sum", "__import__",
)  # fmt: skip
_TOKENS = (
    "(", ")", "+", "-", "*", "/", "**", "//", "%", "@", ",", ".", "..", "...", "=", "==", ":=", "<", ">", "not ", " and ",
    " or ", " in ", " is ", " if ", " else ", "lambda:", "lambda x: x", "[", "]", "{", "}", ":", ";", "#", "\\", "'", '"',
    "f'{x}'", "b''", "r'", "'''", "`", "await x", "yield", "*x", "**x", "x for x in y", "import os", "__class__", "None",
    "True", "...", "a.b", "plain.top1", "1j", "~", "^", "&", "|", "<<", ">>", "->", "!=", "\n", "\t", "\x0c", "\x00",
)  # fmt: skip
_REAL = (
    "plain.top1 - mixup.top1", "half.params / full.params", "roughness(plain.curve.val_loss) - roughness(mixup.curve.val_loss)",
    "front(a, b, gain=top1, cost=memory.counted)", "at(plain.curve.val_top1, 3) - last(plain.curve.val_top1)",
    "mean(a.folds.top1) - min(b.folds.top1)", "slope(a.settings.data.train, a.top1, b.settings.data.train, b.top1)",
    "log2(a.params) * -1.5e3 + abs(b.gap)", "epochs_to(a.curve.val_top1, 0.9 * max(a.curve.val_top1))",
)  # fmt: skip
_EXPECTED = (
    "> 0",
    "< -1.5",
    "~ 46.3 ± 0.1",
    "~ 1/512 + 1/9 +- 2**-3",
    "== 21318",
    ">= 3",
    "> 1e3",
    "~ 5",
    "== 0 ± 1",
)


def expression(random: Random) -> str:
    """One expression, usually close to one that is allowed."""
    pick = random.random()
    if pick < 0.5:
        return _number(random, random.choice((1, 2, 3, 4, 6)))
    if pick < 0.7:
        return _changed(random.choice(_REAL), random)
    if pick < 0.9:
        pieces = (*_TOKENS, *ARMS, *METRICS, *FUNCTIONS, *atoms.NUMBERS)
        return random.choice(("", " ")).join(random.choice(pieces) for _ in range(random.randrange(1, 25)))
    if pick < 0.96:
        return _bomb(random)
    return atoms.text(random)


def expectation(random: Random) -> str:
    """One expectation, usually close to one that is allowed."""
    pick = random.random()
    if pick < 0.4:
        band = (
            f" {random.choice(('±', '+-', '±±', '+'))} {_constant(random, 2)}"
            if random.random() < 0.5
            else ""
        )
        return f"{random.choice(('>', '<', '~', '==', '>=', '=', '≈', ''))} {_constant(random, 3)}{band}"
    if pick < 0.7:
        return _changed(random.choice(_EXPECTED), random)
    if pick < 0.85:
        pieces = (*_TOKENS, *atoms.NUMBERS, "±", "+-", ">", "<", "~", "==")
        return "".join(random.choice(pieces) for _ in range(random.randrange(1, 15)))
    if pick < 0.95:
        return f"> {_bomb(random)}"
    return atoms.text(random)


def _number(random: Random, depth: int) -> str:
    """By the grammar, with a wrong turn now and then."""
    if random.random() < 0.02:
        return atoms.text(random)
    if depth <= 0 or random.random() < 0.2:
        numbers = atoms.NUMBERS if random.random() < 0.2 else ("1", "0", "2.5", "1e-3", "0x1f", "1_000")
        return _reference(random) if random.random() < 0.7 else random.choice(numbers)
    pick = random.random()
    if pick < 0.5:
        space = random.choice(("", " ", "  "))
        operator = random.choice("+-*/") if random.random() < 0.98 else random.choice(("**", "//", "%", "@"))
        return f"{_number(random, depth - 1)}{space}{operator}{space}{_number(random, depth - 1)}"
    if pick < 0.65:
        return f"({_number(random, depth - 1)})"
    if pick < 0.75:
        return f"{random.choice(('-', '-', '+', '--') if random.random() < 0.95 else ('~', 'not '))}{_number(random, depth - 1)}"
    name = random.choice(FUNCTIONS)
    if name == "front":
        arms = ", ".join(random.sample(ARMS, random.randrange(1, 4)))
        return f"front({arms}, gain={random.choice(METRICS)}, cost={random.choice(NUMBERS)})"
    if random.random() < 0.1:
        return f"{name}({', '.join(_number(random, depth - 2) for _ in range(random.randrange(5)))})"
    curve = f"{random.choice(ARMS)}.{random.choice(CURVES)}"
    if name in ("last", "roughness", "late_slope", "rise"):
        return f"{name}({curve})"
    if name in ("at", "epochs_to", "epochs_down_to"):
        return f"{name}({curve}, {_number(random, depth - 2)})"
    if name in ("min", "max", "mean") and random.random() < 0.5:
        return f"{name}({curve})"
    count = {"abs": 1, "log": 1, "log2": 1, "slope": 4}.get(name, 2)
    return f"{name}({', '.join(_number(random, depth - 2) for _ in range(count))})"


def _reference(random: Random) -> str:
    return f"{random.choice(ARMS)}.{random.choice(NUMBERS if random.random() < 0.95 else METRICS)}"


def _constant(random: Random, depth: int) -> str:
    if depth <= 0 or random.random() < 0.4:
        return (
            random.choice(atoms.NUMBERS[:29])
            if random.random() < 0.5
            else f"{random.uniform(-100, 100):.{random.randrange(6)}f}"
        )
    left, right = _constant(random, depth - 1), _constant(random, depth - 1)
    return random.choice(
        (
            f"{left} + {right}",
            f"{left}-{right}",
            f"({left})*{right}",
            f"{left}/{right}",
            f"{left}**{right}",
            f"-{left}",
        )
    )


def _changed(text: str, random: Random) -> str:
    for _ in range(1 + int(random.expovariate(0.6))):
        at = random.randrange(len(text) + 1)
        end = at + random.randrange(6)
        match random.randrange(5):
            case 0:
                text = text[:at] + text[end:]
            case 1:
                text = text[:at] + random.choice(_TOKENS) + text[at:]
            case 2:
                text = text[:at] + atoms.text(random) + text[end:]
            case 3:
                text = text[:at] + random.choice(atoms.UNICODE) + text[at:]
            case _:
                text = text[:end] + text[at:]
    return text


def _bomb(random: Random) -> str:
    size = int(10 ** random.uniform(0.5, 4))
    return random.choice((
        "(" * size, "-" * size + "1", "(" * size + "1" + ")" * size, "a." * size + "b", "1+" * size + "1", "9" * size,
        "1e" + "9" * size, "9**" * size + "9", "min(" * size, "a.b" * size, "0x" + "f" * size, "1_" * size + "1", "abs(" * size + "1" + ")" * size,
        "front(" + "a, " * size + "gain=top1, cost=params)", "[" * size, "not " * size + "1", "x" * size + ".top1", "'" * size,
        "1/" * size + "3", "2**2**2**2**2**2", "(9**64)**(9**64)", "-(1**-64)/0", "lambda: " * size + "1", "a if b else " * size + "c",
        "0" * size, "." * size, "1" + " " * size + "2", "é" * size, "f'" + "{" * size, "\\\n" * size, "\u202e" * size,
    ))  # fmt: skip
