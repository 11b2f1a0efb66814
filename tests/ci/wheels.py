"""Wheels made of what is here, so that a test can install without a network."""

from __future__ import annotations

import zipfile
from importlib.metadata import distribution
from pathlib import Path


def of_source(package: Path, name: str, version: str, script: str, target: Path) -> Path:
    """A wheel of a package's folder, with one console script."""
    about = f"{name}-{version}.dist-info"
    path = target / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for file in sorted(package.rglob("*")):
            if file.is_file() and file.suffix != ".pyc":
                wheel.write(file, f"{name}/{file.relative_to(package)}")
        extras = "Provides-Extra: train\n"
        wheel.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{extras}")
        wheel.writestr(f"{about}/entry_points.txt", f"[console_scripts]\n{name} = {script}\n")
        finish(wheel, about, "py3-none-any")
    return path


def of_installed(name: str, target: Path) -> Path:
    """A wheel of a distribution that is installed: its files, and its program."""
    found = distribution(name)
    about, tag = f"{name}-{found.version}.dist-info", "py3-none-any"
    path = target / f"{name}-{found.version}-{tag}.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for file in found.files or ():
            source = Path(str(found.locate_file(file)))
            if file.name in ("RECORD", "WHEEL") or not source.is_file() or file.suffix == ".pyc":
                continue
            inside = f"{name}-{found.version}.data/scripts/{file.name}" if file.parts[0] == ".." else str(file)
            wheel.write(source, inside)
        finish(wheel, about, tag)
    return path


def finish(wheel: zipfile.ZipFile, about: str, tag: str) -> None:
    """What makes a zip a wheel. pip reads names from RECORD, and its digests only where there are some."""
    wheel.writestr(f"{about}/WHEEL", f"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: {tag}\n")
    names = "".join(f"{name},,\n" for name in [*wheel.namelist(), f"{about}/RECORD"])
    wheel.writestr(f"{about}/RECORD", names)
