"""Runs a model once without data or arithmetic and charges every operation that it executes.

Tensors on torch's `meta` device have shapes and take part in autograd, but hold nothing: a ResNet-50 is
profiled in a fraction of a second, and statistics, weights and random state stay untouched. Layers are
charged by their forward hooks; what happens between layers (shortcut additions, functional pooling) by a
torch-function mode. Anything that no rule covers is refused: a silently incomplete count would be worse than
none.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils.hooks import RemovableHandle

from edgebench.errors import ModelError
from edgebench.measure.profile import rules, stock
from edgebench.measure.profile.result import Cost, Layer, Load, Profile
from edgebench.methods.freezing import QuantisedConv2d, QuantisedLinear
from edgebench.models.irb import SqueezeExcitation

# Functions between layers that move or describe data without computing: names as torch reports them.
# fmt: off
_FREE = frozenset({
    "__get__", "__getitem__", "__len__", "cat", "chunk", "contiguous", "detach", "dim", "expand",
    "flatten", "is_contiguous", "is_floating_point", "numel", "permute", "reshape", "size", "split",
    "squeeze", "stride", "to", "transpose", "unflatten", "unsqueeze", "view",
})
# fmt: on
_ADD = frozenset({"add", "add_", "__add__", "__iadd__", "__radd__"})
_MULTIPLY = frozenset({"mul", "mul_", "__mul__", "__rmul__"})


def profile(model: nn.Module, input_shape: Sequence[int], *, input_grad: bool = False) -> Profile:
    """Count operations and kept activations of one training step by MobileTL's accounting (`rules`).

    Args:
        model: in the mode (train or eval) and with the `requires_grad` flags to be counted; it is not
            changed.
        input_shape: batch first, (N, C, H, W).
        input_grad: whether the gradient reaches the input, as for a block in the middle of a network (Table
            1); a whole network's first trained layer computes no input gradient.

    Raises:
        ModelError: a layer or function that no rule covers, by its path and class; or the model rejects the
            shape.
    """
    stand_ins: dict[str, Tensor] = {
        name: _stand_in(tensor)
        for named in (model.named_parameters, model.named_buffers)
        for name, tensor in named()
    }
    trace = _Trace(stand_ins.values())
    handles = [handle for path, module in model.named_modules() for handle in trace.watch(path, module)]
    x = torch.empty(tuple(input_shape), device="meta", requires_grad=input_grad)
    try:
        with torch.enable_grad(), trace:
            torch.func.functional_call(model, stand_ins, (x,))
    except ModelError:
        raise
    except (RuntimeError, ValueError, TypeError) as problem:
        raise ModelError(
            f"{type(model).__name__} fails on an input of shape {tuple(input_shape)}: {problem}",
            where=trace.where(),
        ) from problem
    finally:
        for handle in handles:
            handle.remove()
    # Weights in 8 bits are parameters of the network, though torch has them as buffers.
    quantised = [m.weight for m in model.modules() if isinstance(m, QuantisedConv2d | QuantisedLinear)]
    return Profile(
        params=sum(p.numel() for p in (*model.parameters(), *quantised)),
        trained_params=sum(p.numel() for p in model.parameters() if p.requires_grad),
        layers=tuple(trace.layers),
    )


def _stand_in(tensor: Tensor) -> Tensor:
    stand_in = torch.empty_like(tensor, device="meta")
    if isinstance(tensor, nn.Parameter):
        return nn.Parameter(stand_in, requires_grad=tensor.requires_grad)
    return stand_in.requires_grad_(tensor.requires_grad)


class _Trace(TorchFunctionMode):
    """Collects charged operations while a model runs."""

    def __init__(self, resident: Iterable[Tensor]) -> None:
        """`resident`: tensors that exist anyway and count for nothing when autograd keeps them."""
        super().__init__()
        self.layers: list[Layer] = []
        self._stack: list[tuple[str, nn.Module]] = []
        self._leaf: tuple[Tensor, bool] | None = None
        # Inputs of convolutions already charged, kept alive: two convolutions of one map keep it once.
        self._held: dict[int, Tensor] = {}
        # Storages that autograd keeps, kept alive for the same reason.
        self._stored = {s._cdata: s for s in (tensor.untyped_storage() for tensor in resident)}

    def where(self) -> str | None:
        """The module that is running, for messages."""
        return self._stack[-1][0] or None if self._stack else None

    def watch(self, path: str, module: nn.Module) -> tuple[RemovableHandle, RemovableHandle]:
        """Hook a module; leaves are charged, composites only entered and left."""

        def enter(module: nn.Module, arguments: tuple[Any, ...]) -> None:
            self._stack.append((path, module))
            if self._is_leaf(module):
                self._enter_leaf(path, module, arguments)

        def leave(module: nn.Module, arguments: tuple[Any, ...], out: Any) -> None:
            if self._is_leaf(module):
                self._leave_leaf(path, module, out)
            self._stack.pop()

        return module.register_forward_pre_hook(enter), module.register_forward_hook(leave)

    @staticmethod
    def _is_leaf(module: nn.Module) -> bool:
        return next(module.children(), None) is None

    def _in_gate(self) -> bool:
        return any(_is_gate(module) for _, module in self._stack)

    def _rule(self, path: str, module: nn.Module) -> rules.Rule:
        kind = type(module)
        if kind in rules.RULES:
            return rules.RULES[kind]
        if kind in rules.GATE_RULES and self._in_gate():
            return rules.GATE_RULES[kind]
        raise ModelError(
            f"no counting rule for a layer of class {kind.__name__}",
            expected=", ".join(sorted(k.__name__ for k in rules.RULES)),
            where=path or type(module).__name__,
        )

    def _enter_leaf(self, path: str, module: nn.Module, arguments: tuple[Any, ...]) -> None:
        self._rule(path, module)
        if len(arguments) != 1 or not isinstance(arguments[0], Tensor):
            raise ModelError(
                f"a layer of class {type(module).__name__} is called with something other than one tensor",
                where=path,
            )
        self._leaf = (arguments[0], arguments[0].requires_grad)

    def _leave_leaf(self, path: str, module: nn.Module, out: Tensor) -> None:
        assert self._leaf is not None
        x, input_grad = self._leaf
        call = rules.Call(module, x, out, input_grad, self._in_gate())
        cost = self._rule(path, module)(call)
        if isinstance(module, nn.Conv2d | nn.Linear) and cost.activation_bits:
            if id(x) in self._held:
                cost = Cost(cost.macs, cost.flops_forward, cost.flops_backward, 0)
            self._held[id(x)] = x
        kept = self._stock_bytes(stock.RULES[type(module)](call))
        self.layers.append(Layer(path, type(module).__name__, cost, rules.load(call), kept))
        self._leaf = None

    def _stock_bytes(self, kept: Iterable[stock.Kept]) -> int:
        total = 0
        for each in kept:
            if isinstance(each, int):
                total += each
            elif (storage := each.untyped_storage())._cdata not in self._stored:
                self._stored[storage._cdata] = storage
                total += storage.nbytes()
        return total

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        name = getattr(func, "__name__", str(func))
        outside = self._leaf is None and bool(self._stack) and name not in _FREE
        # Before the call: an in-place addition changes what its operand requires.
        operands = [(t, t.requires_grad) for t in args if isinstance(t, Tensor)] if outside else []
        out = func(*args, **(kwargs or {}))
        if outside:
            cost, kept = self._function_cost(name, operands, out, kwargs or {})
            self.layers.append(Layer(self._stack[-1][0], name, cost, Load(), self._stock_bytes(kept)))
        return out

    def _function_cost(
        self, name: str, operands: list[tuple[Tensor, bool]], out: Any, options: Mapping[str, Any]
    ) -> tuple[Cost, Iterable[stock.Kept]]:
        path, module = self._stack[-1]
        if name in _ADD and len(operands) == 2:
            return rules.residual_add(out), ()
        if name in _MULTIPLY and len(operands) == 2 and _is_gate(module):
            (x, x_grad), (scale, scale_grad) = sorted(operands, key=lambda o: -o[0].numel())
            needs = {"x_grad": x_grad, "scale_grad": scale_grad}
            return rules.gate(x, scale, **needs), stock.gate(x, scale, **needs)
        if name in ("adaptive_avg_pool2d", "mean") and operands and operands[0][0].dim() == 4:
            x, input_grad = operands[0]
            if math.prod(out.shape) == math.prod(x.shape[:2]):
                return rules.average_pool(x, input_grad=input_grad, in_gate=self._in_gate()), ()
        if name == "avg_pool2d" and operands:
            x, input_grad = operands[0]
            cost = rules.average_pool(x, input_grad=input_grad, in_gate=False)
            return cost, stock.average_pool(x, input_grad=input_grad)
        if name == "interpolate" and options.get("mode", "nearest") in ("nearest", "bilinear"):
            return Cost(), ()
        raise ModelError(
            f"no counting rule for '{name}', called between the layers of {type(module).__name__}",
            expected="layers as modules, shortcut additions, average pooling, bilinear upsampling, reshaping",
            where=path or type(module).__name__,
        )


def _is_gate(module: nn.Module) -> bool:
    """Squeeze and excitation, ours or torchvision's (by name: torchvision need not be importable here)."""
    kind = type(module)
    return isinstance(module, SqueezeExcitation) or (
        kind.__name__ == "SqueezeExcitation" and kind.__module__.startswith("torchvision.")
    )
