"""Tests of `latentd/offline/corpus/`."""
