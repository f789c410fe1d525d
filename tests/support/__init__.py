"""What the tests share: prepared sets, runs, drawn shards, planted faults."""
