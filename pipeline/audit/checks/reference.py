"""The tables of checks in docs/audit.md."""

from collections.abc import Iterable, Iterator

from s2f.pipeline.audit.checks import table
from s2f.pipeline.audit.checks.base import Check, ClipCheck


def clip_table() -> str:
    """The checks of single clips, in Markdown."""
    checks = table.clip_checks()
    rows = [(f"`{each.name}`", each.level, each.basis, each.unit, _settings(each)) for each in checks]
    return _markdown([("check", "level", "score", "unit", "bounds"), *rows])


def set_table() -> str:
    """The checks of the set, in Markdown."""
    checks = [each for each in table.CHECKS if not isinstance(each, ClipCheck)]
    rows = [(f"`{each.name}`", each.level, each.basis, _settings(each)) for each in checks]
    return _markdown([("check", "level", "what", "settings"), *rows])


def _settings(check: Check) -> str:
    """The settings of a check with their defaults."""
    return ", ".join(f"`{each.name}` {each.default:g}" for each in check.settings)


def _markdown(rows: Iterable[tuple[str, ...]]) -> str:
    def lines() -> Iterator[str]:
        for number, cells in enumerate(rows):
            yield f"| {' | '.join(cells)} |"
            if number == 0:
                yield "|---" * len(cells) + "|"

    return "\n".join(lines())
