"""Benchmarks: figures of the running instrument, measured from outside where that is possible. Run on demand."""
