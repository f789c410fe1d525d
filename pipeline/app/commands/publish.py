"""`s2f publish`: a prepared set as a folder for others."""

from pathlib import Path
from typing import Annotated

import typer

from s2f.pipeline.app.commands.options import Prepared, console, say, warn


def publish(
    out: Prepared,
    folder: Annotated[Path, typer.Argument(help="Folder to make; it must not be there yet, or be empty.")],
) -> None:
    """Write a prepared set as a folder that the Hugging Face Hub takes; nothing is uploaded.

    With a data card, Croissant metadata and an index for Energon.

    Example: s2f publish out/grid grid-faces
    """
    from s2f.pipeline.core.prepared_set import PreparedSet
    from s2f.pipeline.core.progress import progress_lines
    from s2f.pipeline.sharing import publishing

    with progress_lines(console) as progress:
        published = publishing.publish(PreparedSet(out), folder, progress)
    for each in published.doubtful:
        warn(f"you may not be allowed to pass this on: {each}")
    say(published.in_words())
