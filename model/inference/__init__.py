"""A trained generator at work: animation, live or from files, and export."""
