"""A demo: machines that look like somebody's, made out of real scans, to look around with."""
