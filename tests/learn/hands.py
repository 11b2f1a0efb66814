"""What a maker's hands do in a browser, done by the same requests: reviewing, and reading a comment."""

import io
import re
import sys

from teahouse.cli.guests import Memory, Shot, SimulatedOwner


def review(desk, hub) -> None:
    """Become the owner by the link that `teahouse serve` printed, and decide on every picture as one sees it."""
    sys.path.insert(0, str(desk.root))
    try:
        from sky import LABELS, draw
    finally:
        sys.path.remove(str(desk.root))
    memory = Memory()
    for n in range(24):
        file = io.BytesIO()
        draw(LABELS[n % 2], 9000 + n, tilt=72).save(file, "JPEG", quality=92)
        memory.learn(Shot(LABELS[n % 2], file.getvalue()))
    claim = re.findall(r"http://\S+/claim/\S+", (desk.root / "terminal.log").read_text())[-1]
    owner = SimulatedOwner(f"http://127.0.0.1:{desk.port}", claim, memory)
    owner.label_drawn("galaxies", lambda: None)
    owner.accept_words("galaxies", 24, lambda: None)
    owner.close()


def read_comment(desk, hub) -> str:
    """Look at the pull request."""
    return "\n".join(row["body"] for row in hub.runner.github.comments[1])


HANDS = {"review": review, "read the comment": read_comment}
