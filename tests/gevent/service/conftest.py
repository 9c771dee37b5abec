"""What the tests of the whole service share: a call center in this process, and phones that call it."""

from __future__ import annotations

from tests.gevent.callcenter.conftest import make_desk

__all__ = ["make_desk"]
