"""What tests need to run ingestd without the world: shipped for our own tests and for authors of connectors."""
