"""Prints the lists of docs/interfaces.md as the code has them, to paste from.

The page itself is kept by hand on purpose: a change of what others build on is made twice, and seen."""

from __future__ import annotations


def main() -> None:
    """Each list under its heading."""
    from teahouse import errors, settings
    from teahouse.cli import VERBS
    from teahouse.model.shape import KNOWN
    from teahouse.site.routes import ROUTES
    from teahouse.store import tables

    def family(kind: type) -> list[type]:
        return [kind, *(found for child in kind.__subclasses__() for found in family(child))]

    lists = {
        "Routes": [f"{route.method:6} {route.path} {route.who}" for route in ROUTES],
        "Tables": [
            f"{table.name}({', '.join(column.name for column in table.columns)})"
            for table in tables.metadata.tables.values()
        ],
        "Settings": [
            f"{section}.{key}"
            for section in settings.SECTIONS
            for key in settings.Settings.model_fields[section].annotation.model_fields
        ],
        "Verbs": [" ".join(VERBS)],
        "Manifest": [" ".join(KNOWN)],
        "Errors": sorted({f"{kind.status} {kind.code}" for kind in family(errors.TeahouseError)}),
    }
    for heading, lines in lists.items():
        print(f"## {heading}\n\n```", *lines, "```\n", sep="\n")


if __name__ == "__main__":
    main()
