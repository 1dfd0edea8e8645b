"""Activations: the servers that run on a license, and their check-ins."""
