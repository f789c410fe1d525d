"""The command line: all commands in four panels."""

from importlib.metadata import version
from typing import Annotated, Any

import typer

from s2f.pipeline.app.commands import (
    ablate,
    animate,
    audit,
    demo,
    evaluate,
    export,
    lipread,
    models,
    prep,
    publish,
    settings,
    show,
    stage,
    studio,
    study,
    sync,
    train,
    verify,
)
from s2f.pipeline.app.commands.options import console

app = typer.Typer(
    name="s2f",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="From raw talking-face videos to a model that makes one photo speak.",
)

# The panels of `s2f --help`, each with its commands: a function, or an app with commands of its own.
PANELS: dict[str, tuple[Any, ...]] = {
    "Prepare": (prep.prep, stage.stage, publish.publish),
    "Train": (train.train, ablate.ablate, animate.animate, export.export),
    "Look": (
        studio.studio,
        audit.audit,
        show.show,
        verify.verify,
        evaluate.evaluate,
        lipread.lipread,
        sync.sync,
        study.study,
    ),
    "Tools": (settings.settings, models.models, demo.demo),
}


def _version(wanted: bool) -> None:
    if wanted:
        console.print(f"s2f {version('s2f')}", highlight=False)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


for panel, commands in PANELS.items():
    for command in commands:
        if isinstance(command, typer.Typer):
            app.add_typer(command, rich_help_panel=panel)
        else:
            app.command(rich_help_panel=panel)(command)
