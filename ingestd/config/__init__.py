"""The configuration and the rules as files: read, checked as a whole, and turned into values. All problems at once."""
