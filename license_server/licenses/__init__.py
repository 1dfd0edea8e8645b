"""Licenses: their versions of terms, their keys, and what staff do to them."""
