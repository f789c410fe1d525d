"""Shards → a talking face: the networks, their trainer, and what follows from a trained model."""
