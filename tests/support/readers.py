"""Libraries of others that read what we write: each in a process of its own, with no way to the network."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any


def read_by(script: str, folder: Path, *arguments: object) -> Any:
    """What a script, which works in `folder`, prints in its last line as JSON."""
    cache = folder / "cache"
    offline = {"HF_HOME": str(cache), "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HOME": str(cache)}
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        cwd=folder,
        env=os.environ | offline,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])
