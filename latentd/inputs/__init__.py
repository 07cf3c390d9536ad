"""Inputs: OSC, TUIO and MIDI bytes become points."""
