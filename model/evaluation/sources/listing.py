"""The videos of a folder by name, so that those of several folders can be matched."""

from pathlib import Path

from s2f.pipeline.core.errors import InputError
from s2f.pipeline.corpora.base import VIDEO_ENDINGS


def list_videos(folder: Path, *, nested: bool = False) -> dict[str, Path]:
    """The videos in a folder by their names without ending; with `nested` by their paths below the folder.

    Hidden files do not count. Raises InputError where there is no folder, no video in it, or two videos
    of the same name.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder", "give a folder of videos")
    videos: dict[str, Path] = {}
    for path in sorted(folder.rglob("*") if nested else folder.iterdir()):
        if path.suffix.lower() not in VIDEO_ENDINGS or path.name.startswith(".") or not path.is_file():
            continue
        name = path.relative_to(folder).with_suffix("").as_posix()
        if name in videos:
            raise InputError(f"{videos[name]} and {path} have the same name", "keep one of the two there")
        videos[name] = path
    if not videos:
        raise InputError(f"{folder} holds no videos", f"it takes {', '.join(sorted(VIDEO_ENDINGS))}")
    return videos
