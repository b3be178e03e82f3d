"""The entry point of the installed command: nothing is imported yet that takes time."""

from __future__ import annotations

import os
import sys

#: 128 + SIGINT, as ``workers.cli.failures`` has it, which is not imported yet.
_INTERRUPTED = 130


def run() -> None:
    """Run the command of the process's arguments. Ctrl-C ends it in silence, at any moment."""
    # Read when Faust is imported: its Cython path inlines `ack`, which our consumer has to see.
    os.environ.setdefault("NO_CYTHON", "1")
    try:
        from workers.cli.main import main

        status = main()
    except KeyboardInterrupt:
        status = _INTERRUPTED
    sys.exit(status)
