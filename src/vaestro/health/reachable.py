"""Which modules and tensors a function can reach: its owner, its closure, the globals it names."""

import functools
import inspect
import types
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

DEPTH = 6
LEAVES = (str, bytes, int, float, complex, bool, type(None), type, types.ModuleType)


def modules_of(*functions: Callable[..., Any] | None) -> tuple[nn.Module, ...]:
    """The outermost modules that the functions reach, each once.

    Bound methods, closures, partials, defaults, named globals, containers and plain objects are
    followed; a module is taken whole.
    """
    found: dict[int, nn.Module] = {}
    seen: set[int] = set()
    for function in functions:
        _walk(function, found, seen, DEPTH)
    inside = {id(part) for root in found.values() for part in root.modules() if part is not root}
    return tuple(module for key, module in found.items() if key not in inside)


def _walk(thing: Any, found: dict[int, nn.Module], seen: set[int], depth: int) -> None:
    if depth < 0 or isinstance(thing, (*LEAVES, Tensor)) or id(thing) in seen:
        return
    seen.add(id(thing))
    if isinstance(thing, nn.Module):
        found[id(thing)] = thing
        return
    for part in _parts(thing):
        _walk(part, found, seen, depth - 1)


def _parts(thing: Any) -> Iterator[Any]:
    """What `thing` holds by itself."""
    if isinstance(thing, types.MethodType):
        yield from (thing.__self__, thing.__func__)
    elif isinstance(thing, types.FunctionType):
        if (thing.__module__ or "").split(".")[0] not in OTHERS:
            yield from _held_by_function(thing)
    elif isinstance(thing, functools.partial):
        yield from (thing.func, *thing.args, *thing.keywords.values())
    elif isinstance(thing, dict):
        yield from thing.values()
    elif isinstance(thing, (list, tuple, set, frozenset)):
        yield from thing
    elif hasattr(thing, "__dict__") and type(thing).__module__.split(".")[0] not in OTHERS:
        yield from vars(thing).values()


OTHERS = ("torch", "numpy", "builtins", "pytest", "_pytest")
"""Packages whose objects hold no model of the user's."""


def _held_by_function(function: types.FunctionType) -> Iterator[Any]:
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # a name that is not bound yet
            continue
    yield from function.__defaults__ or ()
    for name in _names(function.__code__):
        if name in function.__globals__:
            yield function.__globals__[name]


def _names(code: types.CodeType) -> Iterator[str]:
    """The global names that the code, or a function inside it, may read."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names(constant)


def hidden_parameters(module: nn.Module) -> dict[str, Tensor]:
    """Trainable tensors in attributes of `module` that it never registered, by where they are.

    A module in a plain list is such: `parameters()` and `state_dict()` pass it over.
    """
    known = {id(p) for p in module.parameters()}
    hidden: dict[str, Tensor] = {}
    for path, part in module.named_modules():
        for name, value in vars(part).items():
            if name not in _REGISTRIES:
                prefix = ".".join(filter(None, (path, name)))
                hidden.update(_tensors(value, prefix, DEPTH))
    return {name: tensor for name, tensor in hidden.items() if id(tensor) not in known}


_REGISTRIES = frozenset(vars(nn.Module()))


def _tensors(value: Any, name: str, depth: int) -> Iterator[tuple[str, Tensor]]:
    if depth < 0:
        return
    if isinstance(value, Tensor) and value.is_leaf:
        if value.requires_grad or isinstance(value, nn.Parameter):
            yield name, value
    elif isinstance(value, nn.Module):
        yield from ((f"{name}.{inner}", p) for inner, p in value.named_parameters())
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _tensors(item, f"{name}[{key!r}]", depth - 1)
    elif isinstance(value, (list, tuple)):
        for number, item in enumerate(value):
            yield from _tensors(item, f"{name}[{number}]", depth - 1)


def leaves(*outputs: Tensor) -> list[Tensor]:
    """Every tensor with requires_grad that the graphs of `outputs` begin at, each once."""
    found: dict[int, Tensor] = {}
    stack: list[Any] = [tensor.grad_fn for tensor in outputs]
    seen: set[Any] = set()
    while stack:
        node = stack.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        variable = getattr(node, "variable", None)
        if isinstance(variable, Tensor):
            found[id(variable)] = variable
        stack.extend(parent for parent, _ in node.next_functions)
    return list(found.values())


def takes_two(function: Callable[..., Any]) -> bool:
    """Whether two positional arguments may be given."""
    target = function.forward if isinstance(function, nn.Module) else function
    try:
        inspect.signature(target).bind(None, None)
    except TypeError:
        return False
    except ValueError:  # a built-in without a signature
        return False
    return True


def number_type(modules: tuple[nn.Module, ...]) -> tuple[torch.dtype, torch.device]:
    """The type and device of the first floating parameter; float32 on the CPU without one."""
    for module in modules:
        for parameter in module.parameters():
            if parameter.is_floating_point():
                return parameter.dtype, parameter.device
    return torch.float32, torch.device("cpu")
