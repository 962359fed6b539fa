"""Mail that comes in: read within bounds, told apart, trusted or not, and turned into alerts and reports. Pure functions of bytes and values."""
