"""`config show`: text and JSON, with sources and without passwords."""

import json

from callengine.config import load
from callengine.config.describe import as_json, as_text, described
from callengine.config.loader import settings_directory

ENVIRON = {
    "CALLENGINE_ENV": "production",
    "CALLENGINE_DATABASE__URL": "postgresql://ann:hunter2@db.example/calls",
    "CALLENGINE_SIP__PORT": "5070",
}
SETTINGS = load(environ=ENVIRON, directory=settings_directory())


def test_text() -> None:
    lines = {line.split(" = ")[0]: line for line in as_text(SETTINGS).splitlines()}
    assert lines["sip.port"].split() == ["sip.port", "=", "5070", "#", "variable", "CALLENGINE_SIP__PORT"]
    assert lines["sip.host"].split()[2:] == ['"127.0.0.1"', "#", "same", "as", "general.local_ip"]
    assert lines["media.timeout_seconds"].split()[2:] == ["60", "#", "default"]
    assert "# environment: production" in lines


def test_json() -> None:
    document = json.loads(as_json(SETTINGS))
    assert document["environment"] == "production"
    assert document["settings"]["sip.port"] == {"value": 5070, "set_in": "variable CALLENGINE_SIP__PORT"}
    assert document["settings"]["security.digest_algorithms"]["value"] == ["MD5"]
    assert document["settings"]["log.rotation"]["value"] == "100 MB"
    assert len(document["settings"]) == len(list(described(SETTINGS)))


def test_passwords_are_masked() -> None:
    for text in (as_text(SETTINGS), as_json(SETTINGS)):
        assert "hunter2" not in text
        assert "postgresql://ann:***@db.example/calls" in text
