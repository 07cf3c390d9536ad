"""What control messages do: a function for each row of the table in `commands`, by topic."""
