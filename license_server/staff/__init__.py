"""Staff: who may do what, and their tokens."""
