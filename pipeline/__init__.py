"""Raw talking-face videos → shards: the preparation half of s2f, and its command line."""
