"""What is remembered, and how it is written: synchronous functions of a connection, for SQLite and PostgreSQL alike."""
