"""setup.cfg: every package of ours is listed, and so gets into the wheel."""

from configparser import ConfigParser
from pathlib import Path

ROOT = Path(__file__).parents[2]


def listed() -> list[str]:
    parser = ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser["options"]["packages"].split()


def test_every_package_is_listed() -> None:
    packages = {
        ".".join(path.parent.relative_to(ROOT).parts) for path in (ROOT / "callengine").rglob("__init__.py")
    }
    assert {name for name in listed() if "._" not in name} == packages


def test_the_migrations_do_not_shadow_alembic() -> None:
    assert not list((ROOT / "alembic").rglob("__init__.py"))
