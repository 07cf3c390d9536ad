"""Tests of `latentd/offline/evaluation/`."""
