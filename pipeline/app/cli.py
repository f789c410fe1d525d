"""The command line: all commands, in the order of their use."""

import sys
from typing import Any

import typer
from rich.markup import escape

from s2f.pipeline.app.commands import measuring, preparing, training
from s2f.pipeline.app.commands.options import errors
from s2f.pipeline.core.errors import S2fError

app = typer.Typer(
    name="s2f",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode="markdown",
    help="From raw talking-face videos to a model that makes one photo speak.",
)
for command in (
    preparing.prep,
    preparing.stage,
    preparing.show,
    preparing.verify,
    preparing.audit,
    training.train,
    training.animate,
    training.export,
    measuring.evaluate,
    training.ablate,
    preparing.settings,
    training.demo,
):
    app.command()(command)
app.add_typer(measuring.lipread, name="lipread")
app.add_typer(measuring.sync, name="sync")
app.add_typer(measuring.study, name="study")
app.add_typer(preparing.models, name="models")


def main(arguments: list[str] | None = None) -> Any:
    """Run a command; an error for a person is one line and a hint, and exit status 1."""
    try:
        return app(arguments)
    except S2fError as error:
        errors.print(f"[bold red]error:[/] {escape(error.message)}", soft_wrap=True)
        if error.hint:
            errors.print(f"[bold]hint:[/] {escape(error.hint)}", soft_wrap=True)
        sys.exit(1)
