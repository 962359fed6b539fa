"""What the daemon says of itself: log events by constant name, metrics in a registry of its own, health."""
