"""Offline rendering: patches to audio through amSynth."""
