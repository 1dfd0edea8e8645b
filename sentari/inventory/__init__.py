"""What runs on every device: reading scans, keeping the inventory, answering questions."""
