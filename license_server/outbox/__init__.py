"""Mail to customers: queued with the change that caused it, delivered afterwards."""
