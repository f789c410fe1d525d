"""What the process that workers are forked from imports first. It ends with the one that started it.

A worker that is forked meanwhile finds nothing of what it was sent, and says nothing of that.
"""

import sys
from types import TracebackType

from s2f.pipeline.core.signals import end_with_parent

# What a worker runs into whose parent has gone, while it takes over what it was sent.
GONE = (EOFError, FileNotFoundError, ConnectionError)


def _tell(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if not issubclass(kind, GONE):
        sys.__excepthook__(kind, error, trace)


end_with_parent()
sys.excepthook = _tell
