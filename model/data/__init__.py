"""Shards to batches: order, streaming, augmentation."""
