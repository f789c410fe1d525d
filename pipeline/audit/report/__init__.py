"""An audit as a person sees it: terminal, JSON, page."""
