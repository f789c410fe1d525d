"""The stages run over a corpus: what must run, where, and what came of it."""
