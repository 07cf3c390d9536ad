"""Audio from amSynth, without playing it by hand."""
