"""What an operator does with a server that stands still: copy, back up, restore, rotate."""
