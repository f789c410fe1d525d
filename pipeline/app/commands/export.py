"""`s2f export`: a trained generator for other programs."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from s2f.pipeline.app.commands.options import say
from s2f.pipeline.core.errors import ConfigError


def export(
    run: Annotated[Path, typer.Argument(help="Folder of a trained model, or 'pretrained'.")],
    folder: Annotated[Path | None, typer.Argument(help="Folder to write, as --out.")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Folder to write.")] = None,
    to: Annotated[
        Literal["onnx", "torch-export", "hub"],
        typer.Option("--to", help="The format: two networks and model.json, or a model with its card."),
    ] = "onnx",
    evaluation: Annotated[
        Path | None,
        typer.Option(help="With --to hub: JSON of 's2f evaluate' whose figures go into the card."),
    ] = None,
) -> None:
    """Write a trained model for other programs, or as a folder that the Hugging Face Hub takes.

    The networks are checked to make the same frames there. Nothing is uploaded.

    Example: s2f export runs/small --to onnx --out small.onnx
    """
    if (folder is None) == (out is None):
        raise ConfigError("the folder to write is to be named once", "s2f export RUN --out FOLDER")
    target = folder or out
    assert target is not None
    if to == "hub":
        from s2f.model.hub import folder as hub

        files = hub.export(run, target, evaluation)
        told = "the Hugging Face Hub takes the folder as it is; nothing was uploaded"
    elif evaluation:
        raise ConfigError("--evaluation goes with --to hub alone", "leave it out")
    else:
        from s2f.model.inference import export as exporting

        files = exporting.export(run, to, target)
        told = f"they make the same frames as {run}"
    say(f"{target}: {', '.join(path.name for path in files)}; {told}")
