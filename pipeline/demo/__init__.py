"""The demo's corpus: a free portrait that speaks GRID sentences."""
