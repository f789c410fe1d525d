"""The checks of an audit: a file per group, and one table."""
