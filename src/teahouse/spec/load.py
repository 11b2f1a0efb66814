"""Loading a maker's app.py. Runs what the maker wrote: only workers, trainers, `check`, `pay check`,
`doctor` and tests call this."""

import importlib.util
import sys
import traceback
from pathlib import Path

from teahouse.errors import DeclarationError, TeahouseError
from teahouse.spec.app import NAME, RESERVED, App


def load_app(folder: Path) -> App:
    """The App that folder/app.py declares, named after the folder where it names itself not.

    Raises DeclarationError with the maker's own line in `why`."""
    folder = Path(folder).resolve()
    file = folder / "app.py"
    if not file.is_file():
        raise DeclarationError(
            f"There is no app.py in {folder.name}.", f"Looked at {file}.", "Make one with: teahouse new NAME"
        )
    module = _module(file, folder)
    apps = {id(value): value for value in vars(module).values() if isinstance(value, App)}
    if len(apps) != 1:
        raise DeclarationError(
            f"{file.name} declares {len(apps) or 'no'} app{'s' if len(apps) != 1 else ''}.",
            "One file declares one App.",
            "Write app = App(title=…, input=…, output=…).",
        )
    (app,) = apps.values()
    if app.name is None:
        if not NAME.match(folder.name) or folder.name in RESERVED:
            raise DeclarationError(
                f'"{folder.name}" can not be an app\'s name.',
                "It would be its address.",
                'Give it one: App(name="tea", …).',
            )
        app.name = folder.name
    return app


def _module(file: Path, folder: Path) -> object:
    """The maker's file as a module. Files beside it stay importable (train.py, render.py): a hook may import late."""
    spec = importlib.util.spec_from_file_location("app", file)
    module = importlib.util.module_from_spec(spec)
    before = getattr(sys.modules.get("app"), "__file__", None)
    if before and Path(before).parent != folder:
        _forget_modules(Path(before).parent)
    if str(folder) in sys.path:
        sys.path.remove(str(folder))
    sys.path.insert(0, str(folder))
    sys.modules["app"] = module
    try:
        spec.loader.exec_module(module)
    except TeahouseError:
        raise
    except SyntaxError as error:
        raise DeclarationError(
            f"{file.name} can not be read: {error.msg}.",
            f"Line {error.lineno}: {(error.text or '').strip()}",
            "Mend that line.",
        ) from error
    except Exception as error:  # edge: whatever the maker's file raises while it is loaded
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(file)]
        where = f"Line {lines[-1]}: " if lines else ""
        raise DeclarationError(
            f"{file.name} stopped while it was loaded.", f"{where}{type(error).__name__}: {error}", "Mend that line."
        ) from error
    return module


def _forget_modules(folder: Path) -> None:
    """Let go of what another app imported from beside its app.py: the next one may have files of the same names."""
    for name, module in list(sys.modules.items()):
        place = folder.joinpath(*name.split("."))
        about = getattr(module, "__dict__", {})  # no getattr of these: some modules answer it with anything
        if {str(place), f"{place}.py"} & {about.get("__file__"), *about.get("__path__", ())}:
            del sys.modules[name]
