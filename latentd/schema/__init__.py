"""YAML documents checked as a whole: one run lists every mistake."""
