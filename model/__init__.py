"""Shards to a talking face."""
