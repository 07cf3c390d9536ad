"""MIDI over JACK, from a process of its own."""
