"""How good runs and other systems are: measures, tables, a page."""
