"""How a wrong or unknown setting is told: its name, its value, what is allowed, and where it was set."""

from __future__ import annotations

import difflib
import json
import re

from callengine.config.kinds import mask_password
from callengine.config.layers import PREFIX
from callengine.config.schema import OTHER_NAMES, SECTIONS, TABLES, declared, setting_named

_LONGEST = 80


def wrong(name: str, value: object, reason: str, source: str) -> str:
    """The line for a value that is not allowed."""
    return f"{name} = {shown(name, value)}: {reason} (set in {source})"


def unknown(name: str, value: object, source: str) -> str:
    """The line for a setting that does not exist, with the nearest that does."""
    near = _nearest(name)
    if near and source.startswith("variable "):
        near = PREFIX + near.upper().replace(".", "__")
    hint = f"; did you mean {near}?" if near else ""
    return f"{name} = {shown(name, value)}: there is no such setting{hint} (set in {source})"


def shown(name: str, value: object) -> str:
    """The value as text, cut if long; never a password."""
    setting = setting_named(name) if "." in name else None
    if setting is None and re.search(r"(?i)passw|secret|token", name):
        return "***"
    if setting is not None:
        try:
            value = setting.kind.show(value)
        except (TypeError, ValueError, StopIteration):
            pass  # a wrong value is shown as it was written
    if isinstance(value, str):
        value = mask_password(value)
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def _nearest(name: str) -> str:
    section, *between, _ = name.split(".") if "." in name else ("", "")
    if section in TABLES and between:
        keys = [".".join((section, *between, key)) for key in declared(TABLES[section])]
    else:
        keys = [f"{section}.{key}" for section, kind in SECTIONS.items() for key in declared(kind)]
        keys += [*OTHER_NAMES, *SECTIONS, *TABLES]
    near = difflib.get_close_matches(name, keys, n=1, cutoff=0.7)
    return near[0] if near else ""
