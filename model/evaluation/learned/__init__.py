"""Measures that are networks themselves."""
