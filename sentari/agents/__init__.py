"""The devices that report to this server: how they enroll and how they are recognized."""
