"""The data set that models are trained on."""
