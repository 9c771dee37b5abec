"""Takes over what may change of the settings while the service runs: queues, numbers and the log level."""

from __future__ import annotations

from loguru import logger

from callengine import log
from callengine.assembly import Parts
from callengine.config import Settings
from callengine.config.differences import Difference, differences, with_live_parts
from callengine.people import calendars_of, destinations_of, take_over_queues, urgency_of, warn_of_gaps
from callengine.queue_book import check_music, store_queues


def take_over(parts: Parts, old: Settings, new: Settings) -> Settings:
    """Put in force what may change, and say in the log what did and what waits for the next start.

    Gives the settings that are in force afterwards. Queues are stored first, so whatever the database refuses
    leaves everything as it was: raises `DatabaseError`, and `SettingsError` for what contradicts a queue
    of the database.
    """
    found = differences(old, new)
    check_music(new)
    store_queues(parts.base.committer, new)
    parts.base.queue_book.settings = new
    parts.people.numbers.replace(destinations_of(new))
    parts.people.priorities.replace(*urgency_of(new))
    parts.people.calendars.replace(calendars_of(new))
    parts.people.queues.age_by(new.routing.ageing_points_per_minute)
    take_over_queues(parts.base, parts.people)
    warn_of_gaps(parts.base.engine, parts.people.queues)
    if new.log.level != old.log.level:
        log.set_level(new.log.level)
    _tell(found)
    return with_live_parts(old, new)


def _tell(found: list[Difference]) -> None:
    if not found:
        logger.info("the settings were read again: nothing has changed")
    for difference in found:
        if difference.is_live:
            logger.info("the settings were read again: {}", difference.text)
        else:
            logger.warning(
                "the settings were read again: {}; it takes effect at the next start", difference.text
            )
