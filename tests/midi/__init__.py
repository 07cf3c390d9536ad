"""Tests of `latentd/midi/`."""
