"""The commands, a file each: a signature, its help, one call, and what it prints."""
