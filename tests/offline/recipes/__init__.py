"""Tests of `latentd/offline/recipes/`."""
