"""Loads dlib's shape predictor: imported before workers are forked, so that all share one copy."""

from contextlib import suppress

from s2f.pipeline.core.errors import MissingError
from s2f.pipeline.faces.dlib import predictor

# Whoever needs the model and lacks it says so.
with suppress(MissingError):
    predictor()
