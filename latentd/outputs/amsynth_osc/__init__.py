"""Whole patches over amSynth's own OSC interface."""
