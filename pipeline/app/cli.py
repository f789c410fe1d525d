"""The command line: all commands in four panels."""

import sys
from importlib.metadata import version
from typing import Annotated, Any

import typer
from rich.markup import escape
from typer.core import TyperGroup

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
    settings,
    show,
    stage,
    study,
    sync,
    train,
    verify,
)
from s2f.pipeline.app.commands.options import StoppedError, console, errors
from s2f.pipeline.core.errors import S2fError
from s2f.pipeline.core.files import as_text
from s2f.pipeline.core.signals import interrupting


class Stoppable(TyperGroup):
    """All commands: one that is stopped says so in one line."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise StoppedError("stopped") from None


app = typer.Typer(
    name="s2f",
    cls=Stoppable,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="From raw talking-face videos to a model that makes one photo speak.",
)

# The panels of `s2f --help`, each with its commands: a function, or an app with commands of its own.
PANELS: dict[str, tuple[Any, ...]] = {
    "Prepare": (prep.prep, stage.stage),
    "Train": (train.train, ablate.ablate, animate.animate, export.export),
    "Look": (
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


def main(arguments: list[str] | None = None) -> Any:
    """Run a command. An error that a user can mend is one line and a hint, with exit status 1.

    Ctrl-C, and the signals by which a program is told to end or that its terminal is gone, end it in one
    line, with exit status 130.
    """
    try:
        with interrupting():
            return app(arguments)
    except StoppedError as stopped:
        errors.print(str(stopped), highlight=False)
        sys.exit(130)
    except S2fError as error:
        errors.print(f"[bold red]error:[/] {escape(as_text(error.message))}", soft_wrap=True)
        if error.hint:
            errors.print(f"[bold]hint:[/] {escape(as_text(error.hint))}", soft_wrap=True)
        sys.exit(1)
