"""The weights of the package, each with its card."""
