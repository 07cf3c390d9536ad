"""The training of models."""
