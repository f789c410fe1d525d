"""What is in a set, and what is wrong with it."""
