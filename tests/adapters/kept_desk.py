"""A document desk that survives its process: what it holds is written down after every call that changes it."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dropwright.testing.desk import MemoryDesk

CHANGING = ("prepare", "sent", "withdraw", "enqueue", "dequeue", "close_batch", "remember", "apply")
_NOT_KEPT = ("_ordered", "_clock", "path")


class KeptDesk(MemoryDesk):
    """As ``MemoryDesk``, in a file."""

    def __init__(self, path: Path, **options: Any) -> None:
        super().__init__(**options)
        self.path = path
        if path.exists():
            self.__dict__.update(pickle.loads(path.read_bytes()))

    def keep(self) -> None:
        """Write everything down."""
        state = {name: value for name, value in self.__dict__.items() if name not in _NOT_KEPT}
        whole = self.path.with_suffix(".new")
        whole.write_bytes(pickle.dumps(state))
        whole.rename(self.path)


def _keeping(name: str) -> Callable[..., Any]:
    true = getattr(MemoryDesk, name)

    def kept(self: KeptDesk, *arguments: Any, **options: Any) -> Any:
        result = true(self, *arguments, **options)
        self.keep()
        return result

    return kept


for _name in CHANGING:
    setattr(KeptDesk, _name, _keeping(_name))
