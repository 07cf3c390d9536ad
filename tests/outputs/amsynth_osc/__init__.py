"""Tests of `latentd/outputs/amsynth_osc/`."""
