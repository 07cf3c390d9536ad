"""Inputs: OSC, TUIO and MIDI messages become points."""
