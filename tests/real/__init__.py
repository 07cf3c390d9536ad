"""Tests on a real JACK server, a real PipeWire and a real amSynth."""
