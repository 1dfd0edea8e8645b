"""Notices: mails that customers get because time passed, each at most once."""
