"""callengine, a SIP call center in one Python service."""

__version__ = "0.1.0"
