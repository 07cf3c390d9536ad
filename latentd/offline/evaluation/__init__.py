"""How good an instrument a model is: measurements, maps and figures."""
