"""Customers: whom licenses are issued to."""
