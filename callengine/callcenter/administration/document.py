"""What is answered to API and command line."""

from __future__ import annotations

from typing import Any

Document = dict[str, Any]
"""An object of JSON; its keys are those of the columns and settings that it tells of."""
