"""Names in the order that a person expects."""

import re


def natural(name: str) -> list[tuple[int, str]]:
    """A key by which s2 comes before s10."""
    return [(int(part) if part.isdecimal() else 0, part) for part in re.split(r"([0-9]+)", name)]
