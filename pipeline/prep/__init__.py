"""The stages run over a corpus: what must run and why, workers, manifests, tars."""
