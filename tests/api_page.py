"""docs/api.md, made from the signatures and docstrings of what the package exports.

`python -m tests.api_page` writes it.
"""

import ast
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import vaestro

PAGE = Path(__file__).parents[1] / "docs" / "api.md"

HEAD = """\
# The Python interface

`import vaestro` gives ten names and loads nothing until one is used; whatever else can be imported
may change. This page is made from the source by `python -m tests.api_page`, and a test fails where
the two differ. Losses and terms are in nats per sample; N and B are samples, K latents, * the axes
of a sample.

"""

RESULTS = {
    "Forecast": "vaestro.health.forecast.forecast",
    "Diagnosis": "vaestro.health.diagnosis.diagnosis",
    "Finding": "vaestro.health.finding",
    "Encoded": "vaestro.evaluation.encode",
}
"""What the functions return: read, never made by a user."""

Definition = ast.FunctionDef | ast.ClassDef


def page() -> str:
    """The whole page."""
    exported = [_section(name, vaestro._HOMES[name], "vaestro.") for name in vaestro.__all__]
    returned = [_section(name, home, "") for name, home in RESULTS.items()]
    return HEAD + "\n".join([*exported, "# What they return\n", *returned])


def _section(name: str, home: str, before: str) -> str:
    spec = find_spec(home)
    assert spec is not None and spec.origin is not None
    tree = ast.parse(Path(spec.origin).read_text())
    found = next(n for n in tree.body if isinstance(n, Definition) and n.name == name)
    return "\n".join([f"## {name}\n", *_described(found, f"{before}{name}"), *_members(found)])


def _members(found: Definition) -> Iterator[str]:
    """The public methods of a class."""
    if isinstance(found, ast.FunctionDef):
        return
    for member in found.body:
        if isinstance(member, ast.FunctionDef) and not member.name.startswith("_"):
            yield f"### {found.name}.{member.name}\n"
            yield from _described(member, member.name)


def _described(found: Definition, shown: str) -> Iterator[str]:
    text = ast.get_docstring(found)
    assert text, f"{shown} has no docstring"
    signature = _signature(found, shown).replace("'", '"')
    yield f"```python\n{signature}\n```\n"
    yield f"{text}\n"


def _signature(found: Definition, shown: str) -> str:
    """How it is called, one parameter a line where they are many; of data, its fields."""
    if isinstance(found, ast.ClassDef):
        made = next((m for m in found.body if getattr(m, "name", "") == "__init__"), None)
        if not isinstance(made, ast.FunctionDef):
            fields = [ast.unparse(m) for m in found.body if isinstance(m, ast.AnnAssign)]
            return "\n    ".join([f"class {shown}", *fields])
        return _called(shown, made.args, "")
    kinds = [ast.unparse(kind) for kind in found.decorator_list]
    result = "" if found.returns is None else ast.unparse(found.returns)
    if any(kind in ("property", "cached_property") for kind in kinds):
        return f"{shown}: {result}"
    return _called(shown, found.args, f" -> {result}")


def _called(shown: str, arguments: ast.arguments, result: str) -> str:
    bare = ast.parse(ast.unparse(arguments).join(("def f(", "): ..."))).body[0]
    assert isinstance(bare, ast.FunctionDef)
    own = bare.args
    if own.args and own.args[0].arg in ("self", "cls"):
        own.args.pop(0)
    line = f"{shown}({ast.unparse(own)}){result}"
    if len(line) <= 100:
        return line
    return f"{shown}(\n    " + ",\n    ".join(_parts(own)) + f",\n){result}"


def _parts(own: ast.arguments) -> Iterator[str]:
    """Every parameter as it is written."""
    without = len(own.args) - len(own.defaults)
    for number, argument in enumerate(own.args):
        default = own.defaults[number - without] if number >= without else None
        yield _part(argument, default)
    if own.kwonlyargs:
        yield "*"
    for argument, value in zip(own.kwonlyargs, own.kw_defaults, strict=True):
        yield _part(argument, value)


def _part(argument: ast.arg, default: ast.expr | None) -> str:
    return ast.unparse(argument) + ("" if default is None else f" = {ast.unparse(default)}")


if __name__ == "__main__":
    PAGE.write_text(page())
