"""What others send us becomes an envelope in the inbox, and only then an answer. Intake stores; it never decides."""
