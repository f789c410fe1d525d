"""An audit on the terminal, as JSON and as a page."""
