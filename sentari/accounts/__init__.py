"""People and programs that sign in: users, sessions, API tokens."""
