"""The bus: hands committed events, in order, to whoever subscribed in this process."""

from collections.abc import Callable, Collection, Iterable

from loguru import logger

from callengine.events.types import Event, EventType

EventHandler = Callable[[Event], None]


class Bus:
    """Synchronous: `publish` returns when every handler has seen every event.

    A handler must not wait, since the committer publishes. An exception that it raises is logged; the other
    handlers and the later events are not affected.
    """

    def __init__(self) -> None:
        self._subscriptions: dict[object, tuple[EventHandler, frozenset[EventType] | None]] = {}

    def subscribe(
        self, handler: EventHandler, types: Collection[EventType] | None = None
    ) -> Callable[[], None]:
        """Call `handler` for each event of `types` (None: of any) until the returned function is called."""
        key = object()
        self._subscriptions[key] = (handler, None if types is None else frozenset(types))
        return lambda: self._unsubscribe(key)

    def publish(self, events: Iterable[Event]) -> None:
        """Hand each event to each handler that wants its type, in the order of subscription."""
        for event in events:
            for handler, types in tuple(self._subscriptions.values()):
                if types is None or event.type in types:
                    _hand_over(handler, event)

    def _unsubscribe(self, key: object) -> None:
        self._subscriptions.pop(key, None)


def _hand_over(handler: EventHandler, event: Event) -> None:
    try:
        handler(event)
    except Exception:
        logger.exception("a handler of event {} ({}) failed", event.number, event.type)
