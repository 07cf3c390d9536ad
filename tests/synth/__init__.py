"""Tests of `latentd/synth/`."""
