"""Where work is done: in this machine's processes, or on a Ray cluster."""
