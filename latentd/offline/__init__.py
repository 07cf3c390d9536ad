"""The offline half: banks to dataset to model. Never imported by the daemon."""
