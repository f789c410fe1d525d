"""Generator, discriminators, layers, losses; weights on disk."""
