"""The server's audit log."""
