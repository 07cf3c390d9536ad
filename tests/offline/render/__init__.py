"""Tests of `latentd/offline/render/`."""
