"""A notebook made of a page's Python blocks, run by a real kernel."""

import re
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[2] / "docs" / "publish.md"


def cells(page: Path = PAGE) -> list[str]:
    """The Python blocks of a page, in their order."""
    return re.findall(r"^```python\n(.*?)^```", page.read_text("utf-8"), re.S | re.M)


def run(folder: Path, sources: list[str], timeout: int = 240) -> Any:
    """The notebook of these cells, after a kernel of this Python has run it in `folder`."""
    import nbformat
    from nbclient import NotebookClient

    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    NotebookClient(
        book, timeout=timeout, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    ).execute()
    return book


def shown(book: Any) -> str:
    """What the last cell ends with, as a piece of a page."""
    told = [out["data"] for out in book.cells[-1].outputs if out.output_type == "execute_result"]
    return told[-1]["text/html"]
