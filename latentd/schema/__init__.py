"""YAML documents checked as a whole, so that one run lists every mistake."""
