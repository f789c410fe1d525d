"""A plain folder of `speaker/clip.ext`; what is said may lie beside a clip as `clip.txt`."""

from pathlib import Path

from s2f.pipeline.corpora import VIDEO_ENDINGS, Label, Source


def recognises(videos: list[Path], root: Path) -> bool:
    """Any folder serves."""
    return True


def find(files: list[Path], root: Path) -> list[Source]:
    """Every video below the folder; the speaker is the folder it lies in."""
    texts = {path.with_suffix(""): path for path in files if path.suffix == ".txt"}
    return [
        Source(
            corpus="folder",
            speaker=(path.parent if path.parent != root else root.resolve()).name,
            utterance=path.stem,
            video=path,
            relative=path.relative_to(root).as_posix(),
            alignment=texts.get(path.with_suffix("")) if texts else None,
        )
        for path in files
        if path.suffix.lower() in VIDEO_ENDINGS
    ]


def labels(source: Source) -> list[Label]:
    """A plain text has no times."""
    return []


def text(source: Source) -> str | None:
    """The content of the text beside the clip."""
    return source.alignment.read_text(encoding="utf-8").strip() if source.alignment else None
