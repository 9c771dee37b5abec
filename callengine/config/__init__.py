"""The settings: what they are, where they come from, and how they are shown."""

from callengine.config.loader import control_socket, load
from callengine.config.schema import Settings

__all__ = ["Settings", "control_socket", "load"]
