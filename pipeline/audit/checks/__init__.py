"""What is wrong with a set: scores, their bounds and words."""
