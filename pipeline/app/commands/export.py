"""s2f export: a trained generator for other programs."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from s2f.pipeline.app.commands.options import (
    console,
)


def export(
    run: Annotated[Path, typer.Argument(help="Folder of a trained model.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for the two networks and model.json.")],
    to: Annotated[Literal["onnx", "torch-export"], typer.Option("--to", help="The form.")] = "onnx",
) -> None:
    """Write a trained model for other programs, and check that it makes the same frames there.

    Example: s2f export runs/small --to onnx --out small.onnx
    """
    from s2f.model.inference import export as exporting

    for path in exporting.export(run, to, out):
        console.print(path, markup=False, soft_wrap=True)
