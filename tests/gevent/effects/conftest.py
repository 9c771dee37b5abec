"""What the tests of the settings' effects share: a call center whose settings are those of the test."""

from __future__ import annotations

from tests.gevent.callcenter.conftest import make_desk

__all__ = ["make_desk"]
