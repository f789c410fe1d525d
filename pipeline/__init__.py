"""Raw videos to shards, and the command line."""
