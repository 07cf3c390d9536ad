"""Which bugs would the pure tests not notice? Not part of a test run, see `tests/README.md`."""
