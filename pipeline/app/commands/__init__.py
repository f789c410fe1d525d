"""The commands, by what they are for; each is a signature, one call, and what it prints."""
