"""The embedded corpus of the tour: one free portrait becomes speakers who say GRID sentences."""
