"""`s2f verify`: read a prepared set back."""

from s2f.pipeline.app.commands.options import Prepared, console


def verify(out: Prepared) -> None:
    """Read every file of a prepared set and name those that are truncated, changed or missing.

    Example: s2f verify out/grid
    """
    from s2f.pipeline.audit import verification
    from s2f.pipeline.core.prepared_set import PreparedSet

    verification.report(PreparedSet(out), console)
