from callengine.callcenter.profiles import Place, Profile, profile_of
from callengine.events.types import EventType
from tests.fakes.log_of_calls import Log


def test_a_profile_is_what_was_said_last() -> None:
    log = Log()
    log.agent("ann", "support", "sales", skills={"french": 2, "chess": 1}, max_concurrent_calls=1)
    log.add(EventType.AGENT_CHANGED, agent="ann", queue="sales", member=False)
    log.add(EventType.AGENT_CHANGED, agent="ann", queue="support", member=True, tier=2)
    log.add(EventType.AGENT_CHANGED, agent="ann", queue="support", member=True, position=7)
    log.add(EventType.AGENT_CHANGED, agent="ann", skill="french", level=4)
    log.add(EventType.AGENT_CHANGED, agent="ann", skill="chess", level=0)
    log.add(EventType.AGENT_CHANGED, agent="ann", max_concurrent_calls=3)
    assert profile_of(log.events) == Profile({"support": Place(2, 7)}, {"french": 4}, 3)


def test_who_was_removed_has_none_until_added_again() -> None:
    log = Log()
    log.agent("ann", "support", max_concurrent_calls=1)
    log.add(EventType.AGENT_REMOVED, agent="ann")
    assert profile_of(log.events) is None
    log.agent("ann", "sales", max_concurrent_calls=1)
    assert profile_of(log.events) == Profile({"sales": Place()})


def test_a_change_alone_tells_nothing() -> None:
    log = Log()
    log.add(EventType.AGENT_CHANGED, agent="ann", queue="sales", member=True)
    assert profile_of(log.events) is None
