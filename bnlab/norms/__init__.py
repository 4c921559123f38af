"""Normalisers in PyTorch, each in a module of its own, as chapters of parts 4 and 5 build them."""
