"""Regular expressions of authors and users: limits, and no pattern that could run for ever. See `limits`."""
