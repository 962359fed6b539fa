"""A reload as a transaction: read, check and try what is on disk beside what runs, then take all of it over or nothing."""
