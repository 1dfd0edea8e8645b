"""Servers and vendors to attack."""

from tests.sentari.licensing.conftest import airgap, each_world, world

__all__ = ["airgap", "each_world", "world"]
