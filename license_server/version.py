"""This version's number."""

VERSION = "0.1.0"
