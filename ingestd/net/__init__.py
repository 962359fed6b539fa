"""The network behind the ports: the HTTP client, and the ways a mail leaves."""
