"""ingestd: takes what monitoring says and makes sure that the right person knows, exactly once."""

__version__ = "0.1.0"
