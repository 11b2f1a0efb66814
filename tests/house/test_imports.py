"""What may be imported where, and that importing does nothing."""

import subprocess
import sys
from pathlib import Path

import pytest
from tests.standard.houses import RealHouse

ROOT = Path(__file__).parents[2]
HEAVY = ["torch", "onnx", "onnxruntime", "sqlalchemy", "starlette", "fastapi", "numpy", "PIL", "dbos", "rich", "httpx"]


def loaded_after(statement: str, *asked: str) -> set[str]:
    """Which of the heavy packages a fresh interpreter has loaded after the statement."""
    program = f"import sys; {statement}; print(*[name for name in {list(asked or HEAVY)!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    return set(done.stdout.split())


def test_importing_teahouse_is_light():
    assert loaded_after("import teahouse") == set()


def test_declaring_an_app_is_light():
    declare = "from teahouse import App, Folder, Image, Labels; App(title='x', input=Image(), output=Labels('a', 'b'))"
    assert loaded_after(declare) == set()


def test_the_help_page_loads_nothing_of_the_house():
    asked = [*HEAVY, "teahouse.settings", "teahouse.store", "teahouse.cli.new"]
    help_page = "import teahouse.cli as c; c.teahouse.main(['--help'], standalone_mode=False)"
    assert (
        loaded_after(
            f"import io, contextlib\nwith contextlib.redirect_stdout(io.StringIO()):\n    {help_page}\nimport sys",
            *asked,
        )
        == set()
    )


def test_the_web_is_light():
    assert (
        loaded_after("import teahouse.site.serve", "torch", "onnx", "onnxruntime", "numpy", "PIL", "dbos", "httpx")
        == set()
    )


def test_opening_and_greeting_need_none_of_the_webs_libraries(tmp_path):
    (tmp_path / "teahouse.toml").touch()
    place = f"place = where.find_project(__import__('pathlib').Path({str(tmp_path)!r}))"
    calls = "opening.prepare(place); reach.wait_ready(place.data, 0); serve.welcome(place, 'http://127.0.0.1:1')"
    program = "import contextlib, io; from teahouse.cli import serve\n"
    program += f"from teahouse.desk import opening, reach, where\n{place}\n"
    program += f"with contextlib.redirect_stdout(io.StringIO()):\n    {calls}\nimport sys"
    asked = ["fastapi", "starlette", "uvicorn", "httpx", "dbos", "numpy", "PIL", "onnxruntime", "torch"]
    assert loaded_after(program, *asked) == set()


def test_the_keeper_is_standard_library_only():
    program = "import sys; old = set(sys.modules); import teahouse.keeper; print(*sorted(set(sys.modules) - old))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    own = {*sys.stdlib_module_names, "teahouse"}
    outside = {top for name in done.stdout.split() if (top := name.split(".")[0]) not in own}
    assert outside == set()


@pytest.mark.slow
def test_the_keeper_of_a_house_that_stands_holds_nothing_else_in_its_memory(tmp_path):
    with RealHouse(tmp_path / "house") as house:
        house.start()
        maps = Path(f"/proc/{house.keeper}/maps").read_text()
        assert house.stop() == 0
    assert "libpython" in maps or "python" in maps
    assert "site-packages" not in maps and "sqlite" not in maps


@pytest.mark.timeout(120)
def test_the_import_contracts_hold():
    done = subprocess.run(
        [sys.executable, "-c", "from importlinter import cli; raise SystemExit(cli.lint_imports(no_cache=True))"],
        capture_output=True, text=True, cwd=ROOT, timeout=110,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]


def test_public_names_are_sorted_and_said():
    import teahouse

    assert teahouse.__all__ == sorted(teahouse.__all__)
    for name in teahouse.__all__:
        assert getattr(teahouse, name).__doc__, name
