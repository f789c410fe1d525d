"""What a video file says of itself."""

from pathlib import Path

import av


def comment(path: Path) -> str:
    """The comment in the metadata of a video; empty where there is none."""
    with av.open(str(path)) as container:
        return container.metadata.get("comment", "")
