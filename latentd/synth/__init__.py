"""amSynth's facts: its parameters, bank files and controllers file."""
