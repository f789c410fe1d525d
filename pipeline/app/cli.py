"""The program `s2f`: how it begins, and how it ends where something is wrong or it is stopped."""

import sys
from typing import Any, NoReturn

from s2f.pipeline.core.errors import S2fError
from s2f.pipeline.core.signals import StoppedError, interrupting

# What a shell takes for a program that was stopped.
STOPPED = 130


def main(arguments: list[str] | None = None) -> Any:
    """Run a command. An error that a user can mend is one line and a hint, with exit status 1.

    Ctrl-C, and the signals by which a program is told to end or that its terminal is gone, end it in one
    line, with exit status 130.
    """
    with interrupting() as received:
        try:
            # This takes a while, in which it may be stopped too.
            from s2f.pipeline.app.program import app

            return app(arguments)
        except StoppedError as stopped:
            _stopped(str(stopped))
        except KeyboardInterrupt:
            _stopped()
        except SystemExit as ended:
            # So typer ends a command that is interrupted, without a word.
            if ended.code == STOPPED:
                _stopped()
            raise
        except Exception as error:
            # Interrupted at an odd moment, as in the import of a C library, a command fails otherwise.
            if received:
                _stopped()
            if not isinstance(error, S2fError):
                raise
            _tell(error)
            sys.exit(1)


def _stopped(line: str = "stopped") -> NoReturn:
    print(line, file=sys.stderr)
    sys.exit(STOPPED)


def _tell(error: S2fError) -> None:
    from rich.markup import escape

    from s2f.pipeline.app.commands.options import errors
    from s2f.pipeline.core.files import as_text

    errors.print(f"[bold red]error:[/] {escape(as_text(error.message))}", soft_wrap=True)
    if error.hint:
        errors.print(f"[bold]hint:[/] {escape(as_text(error.hint))}", soft_wrap=True)
