"""The command line, all settings, the tour: the one room that sees both halves."""
