"""The house's measures: a module, a function, a class and a signature stay small enough to read."""

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "teahouse"
MODULES = sorted(SOURCE.rglob("*.py"))
FORBIDDEN_NAMES = {"utils", "util", "helpers", "common", "manager", "misc", "core", "base"}
MIGRATIONS = SOURCE / "store" / "migrations"  # tables written once, in one function, never edited
SKELETON = SOURCE / "desk" / "skeleton"  # files that `teahouse new` fills in: $words in them are not Python yet


def own(path: Path) -> bool:
    return not path.is_relative_to(SKELETON)


@functools.cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


@functools.cache
def nodes(tree: ast.Module) -> list[ast.AST]:
    return list(ast.walk(tree))


def trees() -> Iterator[tuple[str, ast.Module]]:
    for path in filter(own, MODULES):
        yield str(path.relative_to(SOURCE)), tree_of(path)


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in nodes(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def lines(node: ast.AST) -> int:
    return node.end_lineno - node.lineno + 1  # type: ignore[attr-defined]


def test_no_module_has_more_than_500_lines():
    assert {str(path): n for path in MODULES if (n := len(path.read_text("utf-8").splitlines())) > 500} == {}


def test_no_function_has_more_than_80_lines():
    long = {f"{name}:{f.name}": lines(f) for name, tree in trees() for f in functions(tree) if lines(f) > 80}
    assert {where: n for where, n in long.items() if not where.startswith("store/migrations/")} == {}


def test_nine_functions_in_ten_have_at_most_40_lines():
    found = sorted(lines(f) for _, tree in trees() for f in functions(tree))
    assert found[int(len(found) * 0.9)] <= 40


def test_no_class_has_more_than_250_lines_or_15_methods():
    big = {}
    for name, tree in trees():
        for node in nodes(tree):
            if isinstance(node, ast.ClassDef):
                methods = sum(isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef) for part in node.body)
                if lines(node) > 250 or methods > 15:
                    big[f"{name}:{node.name}"] = (lines(node), methods)
    assert big == {}


def test_no_function_takes_more_than_7_parameters():
    def count(f: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
        given = [a.arg for a in (*f.args.posonlyargs, *f.args.args, *f.args.kwonlyargs)]
        return len([name for name in given if name not in ("self", "cls")])

    assert {f"{name}:{f.name}": count(f) for name, tree in trees() for f in functions(tree) if count(f) > 7} == {}


def test_no_star_imports_and_no_globals():
    found = []
    for name, tree in trees():
        for node in nodes(tree):
            if isinstance(node, ast.Global) or (
                isinstance(node, ast.ImportFrom) and any(a.name == "*" for a in node.names)
            ):
                found.append(f"{name}:{node.lineno}")
    assert found == []


def test_no_drawers():
    assert [str(path) for path in MODULES if path.stem in FORBIDDEN_NAMES or path.parent.name in FORBIDDEN_NAMES] == []


@pytest.mark.parametrize("path", list(filter(own, MODULES)), ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_modules_first_line_says_what_it_is_for(path):
    if path.is_relative_to(MIGRATIONS / "versions") or not path.read_text("utf-8").strip():
        return
    said = ast.get_docstring(tree_of(path))
    assert said and len(said.splitlines()[0]) >= 12


def test_broad_handlers_stand_only_at_marked_edges():
    """`except Exception` swallows, unless it raises again; where a process ends its own world, the line says so."""
    found = []
    for path in filter(own, MODULES):
        text = path.read_text("utf-8").splitlines()
        for node in nodes(tree_of(path)):
            if not isinstance(node, ast.ExceptHandler):
                continue
            names = {n.id for n in ast.walk(node.type) if isinstance(n, ast.Name)} if node.type else {"everything"}
            near = text[node.lineno - 1] + (text[node.lineno] if node.lineno < len(text) else "")
            passes_on = isinstance(node.body[-1], ast.Raise)
            if names & {"Exception", "BaseException", "everything"} and "# edge" not in near and not passes_on:
                found.append(f"{path.relative_to(SOURCE)}:{node.lineno}")
    assert found == []
