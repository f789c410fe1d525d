"""Scores, their bounds and their words: a file per group, and one table."""
