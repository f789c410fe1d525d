"""A trained generator at work: animation from files or live, and export for other programs."""
