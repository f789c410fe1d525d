"""What a prepared set holds, read from its manifests and shards."""
