"""The demo corpus: synthetic speakers, made from one free portrait, who say GRID sentences."""
