"""The command line: the only room that sees both halves."""
