"""Shards to a trained model."""
