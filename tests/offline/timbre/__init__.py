"""Tests of `latentd/offline/timbre/`."""
