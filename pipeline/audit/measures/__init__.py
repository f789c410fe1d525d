"""Figures of a clip or a set: arrays in, numbers out."""
