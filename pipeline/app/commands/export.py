"""`s2f export`: a trained generator for other programs."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from s2f.pipeline.app.commands.options import say


def export(
    run: Annotated[Path, typer.Argument(help="Folder of a trained model, or 'pretrained'.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for the two networks and model.json.")],
    to: Annotated[Literal["onnx", "torch-export"], typer.Option("--to", help="The format.")] = "onnx",
) -> None:
    """Write a trained model for other programs, and check that it makes the same frames there.

    Example: s2f export runs/small --to onnx --out small.onnx
    """
    from s2f.model.inference import export as exporting

    files = exporting.export(run, to, out)
    say(f"{out}: {', '.join(path.name for path in files)}; they make the same frames as {run}")
