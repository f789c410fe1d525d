"""What a clip or a set is like: arrays in, numbers out."""
