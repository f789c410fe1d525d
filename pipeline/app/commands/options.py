"""Options that several commands have, and where commands print."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from s2f.pipeline.faces import BACKENDS, DEFAULT, known
from s2f.pipeline.stages import STAGES

console = Console()
errors = Console(stderr=True)


def choices(names: Iterable[str]) -> str:
    """Names as a help text lists them: `a, b or c`."""
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last


STAGE_HELP = f"{choices(STAGES)}."

Out = Annotated[str, typer.Option("--out", help="Folder or URL for what is made.")]
Config = Annotated[
    Path | None, typer.Option("--config", help="Settings; else ./stages.yaml, else the defaults.")
]
Set = Annotated[
    list[str] | None, typer.Option("--set", help="Override a setting, e.g. --set detect.every=12.")
]
Speakers = Annotated[str, typer.Option(help="Only these speakers, separated by commas.")]
Limit = Annotated[int | None, typer.Option(min=1, help="Only the first so many clips.")]
Workers = Annotated[int, typer.Option(min=0, help="Processes that measure; 0 = one per CPU.")]
LipReader = Annotated[
    Path | None, typer.Option(help="Also word error rates, by this run of 's2f lipread train'.")
]
SyncScorer = Annotated[
    Path | None, typer.Option(help="Also how far sound and lips are apart, by this run of 's2f sync train'.")
]
Raw = Annotated[str, typer.Argument(help="Folder or URL of raw videos.")]
Prepared = Annotated[str, typer.Argument(help="Folder or URL that 's2f prep' has made.")]
PreparedOrRun = Annotated[
    str | None, typer.Argument(help="Folder or URL that 's2f prep' has made; with --resume the run knows it.")
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on where the run stopped.")]


def _face_backend(name: str | None) -> str | None:
    try:
        return name and known(name)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def _faces(help_: str) -> Any:
    choices = [*BACKENDS]
    return typer.Option(
        metavar="|".join(choices), callback=_face_backend, autocompletion=lambda: choices, help=help_
    )


VideoFaces = Annotated[str, _faces("What finds faces in pictures and videos.")]
Faces = Annotated[str | None, _faces(f"What finds faces; else that of the set, for videos {DEFAULT}.")]


@contextmanager
def going_on() -> Iterator[None]:
    """Ctrl-C ends what another call goes on with."""
    try:
        yield
    except KeyboardInterrupt:
        errors.print("stopped; the same command goes on from here")
        raise typer.Exit(130) from None
