"""`s2f show`: rows of a stage's manifest."""

from typing import Annotated

import typer

from s2f.pipeline.app.commands.options import STAGE_HELP, Prepared, console
from s2f.pipeline.core.files import place


def show(
    out: Prepared,
    stage: Annotated[str, typer.Argument(help=STAGE_HELP)],
    where: Annotated[list[str] | None, typer.Option(help="Only rows like status=rejected.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many rows.")] = 50,
) -> None:
    """Print rows of a stage's manifest.

    Example: s2f show out/grid detect --where status=rejected
    """
    from s2f.pipeline.prep import terminal

    terminal.show_rows(place(out), stage, where or [], limit, console)
