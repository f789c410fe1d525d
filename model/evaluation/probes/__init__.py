"""Probes: what a run does with sound that it should treat in a known way.

sounds     the sounds of each probe, made from those of a clip and of another one
measuring  what is measured of the videos that runs make of them, and what a sound model does
"""
