"""How good a model is as an instrument: measurements, maps and figures."""
