"""Loads models one after the other, under a worker's limits: `python -m tests.standard.loading FOLDER FIRST`.

Each file of FOLDER (from the name FIRST on) is loaded as `model.onnx` of a release and asked once; a line of JSON each:
{name, refused}. Whoever started it looks how far it came when a model ends the process."""

import json
import shutil
import sys
from pathlib import Path

from teahouse import child


def main(folder: Path, first: str) -> None:
    import numpy

    from teahouse.errors import TeahouseError
    from teahouse.model.session import Session

    child.leave_network()
    child.limit_memory(1024)
    print(json.dumps({"name": "", "refused": ""}), flush=True)
    for file in sorted(folder.glob("*.model")):
        if file.name < first:
            continue
        place = folder / "loaded"
        place.mkdir(exist_ok=True)
        shutil.copyfile(file, place / "model.onnx")
        refused = ""
        try:
            session = Session(place)
            session.predict({"input": numpy.zeros((1, 3, 16, 16), numpy.float32)})
        except (TeahouseError, MemoryError) as error:
            refused = str(error) or type(error).__name__
        print(json.dumps({"name": file.name, "refused": refused}), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
