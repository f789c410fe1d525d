"""Options that several commands have, and where commands print."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from s2f.pipeline.core.files import as_text
from s2f.pipeline.core.signals import StoppedError
from s2f.pipeline.faces import BACKENDS, DEFAULT, known
from s2f.pipeline.stages import STAGES

console = Console()
errors = Console(stderr=True)


def choices(names: Iterable[str]) -> str:
    """Names as a help text lists them: `a, b or c`."""
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last


STAGE_HELP = f"{choices(STAGES)}."

# In place of a run folder: the weights that come with the package.
PRETRAINED = Path("pretrained")

Out = Annotated[str, typer.Option("--out", help="Folder or URL for the prepared set.")]
Config = Annotated[
    Path | None, typer.Option("--config", help="File of settings; without it ./stages.yaml, or the defaults.")
]
Set = Annotated[
    list[str] | None, typer.Option("--set", help="Override a setting, e.g. --set detect.every=12.")
]
Preset = Annotated[
    str | None, typer.Option("--preset", help="Named settings of the package; docs/training.md lists them.")
]
Speakers = Annotated[str, typer.Option(help="Only these speakers, separated by commas.")]
Limit = Annotated[int | None, typer.Option(min=1, help="Only the first so many clips.")]
Split = Annotated[str, typer.Option(help="train, val or test.")]
Json = Annotated[Path | None, typer.Option(help="Also write the figures to this file.")]
Workers = Annotated[int, typer.Option(min=0, help="Processes that measure; 0 = one per CPU.")]
LipReader = Annotated[
    Path | None,
    typer.Option(
        help="Also measure word error rates, with this run of 's2f lipread train', or 'pretrained'."
    ),
]
SyncScorer = Annotated[
    Path | None,
    typer.Option(help="Also measure the sync, with this run of 's2f sync train', or 'pretrained'."),
]
Raw = Annotated[str, typer.Argument(help="Folder or URL of raw videos.")]
Prepared = Annotated[str, typer.Argument(help="Folder or URL that 's2f prep' has made.")]
PreparedOrRun = Annotated[
    str | None, typer.Argument(help="Folder or URL that 's2f prep' has made; not needed with --resume.")
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


def say(text: str) -> None:
    """Print a line as it is: without markup, colours or line breaks."""
    console.print(as_text(text), markup=False, highlight=False, soft_wrap=True)


def warn(text: str) -> None:
    """Print a warning to standard error."""
    errors.print(f"[yellow]warning:[/] {escape(as_text(text))}", highlight=False, soft_wrap=True)


@contextmanager
def resumable() -> Iterator[None]:
    """On Ctrl-C say that the same command continues the work."""
    try:
        yield
    except KeyboardInterrupt:
        raise StoppedError("stopped; the same command goes on from here") from None
