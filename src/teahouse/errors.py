"""Every error that Teahouse tells somebody: what happened, why, and what to do next.

    TeahouseError
    ├─ InputError           422  what a visitor or a program gave can not be used
    │  └─ InputBroke        422  this input ended the model's process twice
    ├─ BadEvent             400      NoCredit 402     TooLarge 413
    ├─ Unauthorised         401      Refused 403      NotFound 404      Conflict 409      TooMany 429
    ├─ QueueFull            503      NotReady 503     WorkerDied 503    DeadlinePassed 504    ClosedForToday 503
    ├─ DiskFull             507      TillRefused 502
    ├─ BlobDamaged          500      DatabaseUnsound 500   ReleaseBroken 500
    └─ DeclarationError, SettingsError, ExportFailed, TrainingFailed, NothingToDo     told in the terminal

The terminal, the JSON API and the pages render the same object in three registers.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any, ClassVar


class TeahouseError(Exception):
    """Base of all. `code` is stable and kebab-case, `status` the HTTP status, `extra` joins the JSON."""

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500

    def __init__(self, what: str, why: str = "", do_next: str = "", **extra: Any) -> None:
        super().__init__(what)
        self.what, self.why, self.do_next, self.extra = what, why, do_next, extra

    def as_dict(self) -> dict[str, Any]:
        """The body of the API's one error shape, without its envelope."""
        return {"code": self.code, "what": self.what, "why": self.why, "do_next": self.do_next, **self.extra}

    def __str__(self) -> str:
        return " ".join(part for part in (self.what, self.why, self.do_next) if part)

    def _render_traceback_(self) -> list[str]:
        """What a notebook's cell shows in place of a traceback, as IPython asks for it: the terminal's own lines."""
        behind = ".__context__" if self.__suppress_context__ and self.__context__ else ""
        whole = f"The whole traceback: import sys, traceback; traceback.print_exception(sys.last_value{behind})"
        parts = (f"✗ {self.what}", self.why and f"  {self.why}", self.do_next and f"  → {self.do_next}", f"  ({whole})")
        return [part for part in parts if part]


class InputError(TeahouseError):
    code, status = "input-refused", 422


class InputBroke(InputError):
    code, status = "input-broke-model", 422


class BadEvent(TeahouseError):
    """What came to the till's address is not the till's, or not fresh."""

    code, status = "bad-event", 400


class NoCredit(TeahouseError):
    """Today's free answers are used, and nothing is left on the pass; `retry_after` in whole seconds."""

    code, status = "no-credit", 402


class TooLarge(TeahouseError):
    code, status = "too-large", 413


class Unauthorised(TeahouseError):
    code, status = "log-in-first", 401


class Refused(TeahouseError):
    code, status = "refused", 403


class NotFound(TeahouseError):
    code, status = "not-found", 404

    def __init__(
        self,
        what: str,
        why: str = "It was never here, or it is gone.",
        do_next: str = "Check the address.",
        **extra: Any,
    ) -> None:
        super().__init__(what, why, do_next, **extra)


class Conflict(TeahouseError):
    code, status = "conflict", 409


class TooMany(TeahouseError):
    """Asked too often; `retry_after` in whole seconds."""

    code, status = "too-many", 429


class QueueFull(TeahouseError):
    """`place` in the queue, `wait` and `retry_after` in seconds."""

    code, status = "queue-full", 503


class ClosedForToday(TeahouseError):
    """What a day or a month may cost is spent; `retry_after` in whole seconds."""

    code, status = "closed-for-today", 503


class NotReady(TeahouseError):
    code, status = "not-ready", 503


class WorkerDied(TeahouseError):
    code, status = "worker-died", 503


class DeadlinePassed(TeahouseError):
    code, status = "deadline-passed", 504


class TillRefused(TeahouseError):
    """The till said no; `reason`: its own word for it, where it has one."""

    code, status = "till-refused", 502


class DiskFull(TeahouseError):
    code, status = "disk-full", 507


class BlobDamaged(TeahouseError):
    code = "blob-damaged"


class DatabaseUnsound(TeahouseError):
    code = "database-unsound"


class ReleaseBroken(TeahouseError):
    code = "release-broken"


class DeclarationError(TeahouseError):
    code, status = "declaration", 422


class SettingsError(TeahouseError):
    code, status = "settings", 422


class ExportFailed(TeahouseError):
    code = "export-failed"


class TrainingFailed(TeahouseError):
    code = "training-failed"


class NothingToDo(TeahouseError):
    code, status = "nothing-to-do", 409


def likely(word: str, words: Iterable[str]) -> str:
    """' Did you mean "size"?' for a near miss, else ''."""
    found = get_close_matches(str(word), list(words), n=1, cutoff=0.55)
    return f' Did you mean "{found[0]}"?' if found else ""
