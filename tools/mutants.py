"""Make the mutants of a module: its source with one small change each. PURE.

Not mutated, because no behavior hangs on it: docstrings, annotations, decorators, and the words
of sentences (texts with a blank in them), which are for people.
"""

import ast
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}
_OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Div: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_DOCUMENTED = (ast.Module, ast.ClassDef, *_FUNCTIONS)


@dataclass(frozen=True)
class Mutant:
    """One changed source; `name` says where and how, and is the same in every run."""

    name: str
    source: str


def mutants(source: str) -> Iterator[Mutant]:
    """Yield every mutant of a module's source."""
    tree = ast.parse(source)
    original = ast.unparse(tree)
    names: set[str] = set()
    for path, place in _places(tree, "", ()):
        for label, change in _changes(_at(tree, path)):
            changed = copy.deepcopy(tree)
            change(_at(changed, path))
            text = ast.unparse(ast.fix_missing_locations(changed))
            if text != original:
                yield Mutant(_unique(names, f"{place or 'module'}: {label}"), text)


Path = tuple[tuple[str, int | None], ...]


def _places(node: ast.AST, place: str, path: Path) -> Iterator[tuple[Path, str]]:
    """Yield the way to every node that may be mutated, and the name of the code around it."""
    if isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
        place = f"{place}.{node.name}".lstrip(".")
    yield path, place
    for field, value in ast.iter_fields(node):
        if field in {"annotation", "returns", "decorator_list", "type_comment"}:
            continue
        children = value if isinstance(value, list) else [value]
        for index, child in enumerate(children):
            if not isinstance(child, ast.AST) or _is_docstring(node, field, index, child):
                continue
            step = (field, index if isinstance(value, list) else None)
            yield from _places(child, place, (*path, step))


def _is_docstring(parent: ast.AST, field: str, index: int, child: ast.AST) -> bool:
    first = field == "body" and index == 0 and isinstance(parent, _DOCUMENTED)
    return first and isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)


def _at(tree: ast.AST, path: Path) -> ast.AST:
    node = tree
    for field, index in path:
        value = getattr(node, field)
        node = value if index is None else value[index]
    return node


def _short(node: ast.AST) -> str:
    line = " ".join(ast.unparse(node).split())
    return line if len(line) <= 100 else line[:100] + "..."


def _unique(names: set[str], name: str) -> str:
    chosen, count = name, 1
    while chosen in names:
        count += 1
        chosen = f"{name} (#{count})"
    names.add(chosen)
    return chosen


Change = Callable[[ast.AST], None]


def _changes(node: ast.AST) -> Iterator[tuple[str, Change]]:
    """Yield the changes of one node, each with words that tell it."""
    if isinstance(node, ast.Compare):
        for index, operator in enumerate(node.ops):
            for other in _COMPARISONS[type(operator)]:
                yield f"{_short(node)}, {other.__name__}", _set_item("ops", index, other())
    elif isinstance(node, ast.BoolOp):
        other_op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield f"{_short(node)}, and <-> or", _set("op", other_op)
    elif isinstance(node, ast.BinOp | ast.AugAssign):
        replacement = _OPERATORS[type(node.op)]
        yield f"{_short(node)}, {replacement.__name__}", _set("op", replacement())
    elif isinstance(node, ast.UnaryOp):
        yield f"{_short(node)}, without the sign", _become(lambda old: old.operand)
    elif isinstance(node, ast.Constant):
        for value in _other_values(node.value):
            yield f"{_short(node)} -> {value!r}", _set("value", value)
    else:
        yield from _larger_changes(node)


def _larger_changes(node: ast.AST) -> Iterator[tuple[str, Change]]:
    if isinstance(node, ast.Return) and node.value is not None:
        if not (isinstance(node.value, ast.Constant) and node.value.value is None):
            yield f"{_short(node)} -> None", _set("value", ast.Constant(None))
    elif isinstance(node, ast.If | ast.IfExp | ast.While):
        for value in (True, False):
            yield f"if {_short(node.test)} -> {value}", _set("test", ast.Constant(value))
    elif isinstance(node, ast.comprehension):
        for index, test in enumerate(node.ifs):
            yield f"for ... if {_short(test)} -> True", _set_item("ifs", index, ast.Constant(True))
    elif isinstance(node, ast.Call):
        for index, keyword in enumerate(node.keywords):
            called = f"{_short(node.func)}(... {keyword.arg}=)"
            yield f"{called} dropped", _drop_keyword(index)
    elif isinstance(node, ast.Raise) or (
        isinstance(node, ast.Expr) and not isinstance(node.value, ast.Constant)
    ):
        yield f"{_short(node)} -> pass", _become(lambda _old: ast.Pass())


def _other_values(value: object) -> tuple[bool | int | str | bytes, ...]:
    if isinstance(value, bool):
        return (not value,)
    if isinstance(value, int):
        return (value + 1, value - 1)
    if isinstance(value, str):
        # A sentence is for people; names and codes are what machines hold on to.
        return () if not value or " " in value or value.endswith(".") else (value + "X",)
    if isinstance(value, bytes):
        return (value + b"X",)
    return ()


def _set(field: str, value: object) -> Change:
    return lambda node: setattr(node, field, value)


def _set_item(field: str, index: int, value: object) -> Change:
    return lambda node: getattr(node, field).__setitem__(index, value)


def _drop_keyword(index: int) -> Change:
    return lambda node: node.keywords.__delitem__(index)  # type: ignore[attr-defined]


def _become(make: Callable[[ast.AST], ast.AST]) -> Change:
    """Turn the node itself into another one, wherever it hangs."""

    def change(node: ast.AST) -> None:
        new = make(node)
        node.__class__ = type(new)  # type: ignore[assignment]
        node.__dict__.clear()
        node.__dict__.update(vars(new))

    return change
