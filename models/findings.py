"""What ``dropwright doctor`` and ``config check`` find: what is wrong, where, and what to do about it."""

from collections.abc import Iterable
from enum import StrEnum

from models.base import Contract


class Severity(StrEnum):
    """``error`` would fail silently later and stops the worker; ``warning`` is worth a look."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


class Finding(Contract):
    """One checked thing, with the remedy where it is not well. ``fixable`` ones are mended by ``doctor --fix``."""

    area: str
    severity: Severity
    subject: str
    message: str
    remedy: str = ""
    fixable: bool = False


class NotReadyError(RuntimeError):
    """A process refuses to start; ``findings`` say why, each with its remedy."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__("; ".join(f"{one.area}: {one.subject} {one.message}" for one in self.findings))
