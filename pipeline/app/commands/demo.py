"""`s2f demo`: the tour."""

from pathlib import Path
from typing import Annotated

import typer

from s2f.pipeline.app.commands.options import console, resumable


def demo(
    folder: Annotated[Path, typer.Argument(help="Folder for all that the tour makes.")] = Path("demo"),
) -> None:
    """The five-minute tour: make a small corpus, prepare it, audit it, train on it, animate a new sentence.

    Example: s2f demo demo
    """
    from s2f.pipeline.app import tour

    with resumable():
        tour.run(folder, console)
