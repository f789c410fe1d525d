"""What a worker process does with an item; in a module, where a new process finds it."""

import os
import signal
import time

# Far longer than any test may take.
FOREVER = 3600.0


def act(order: str) -> str:
    """Work, or die, or hang."""
    if order == "die":
        os._exit(3)
    if order == "be killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if order == "hang":
        time.sleep(FOREVER)
    return order.upper()
