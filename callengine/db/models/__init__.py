"""The durable nouns as ORM models, one file each."""

from callengine.db.models.agent import Agent
from callengine.db.models.binding import Binding
from callengine.db.models.call import Call
from callengine.db.models.event_log import LoggedEvent, LogHead
from callengine.db.models.leg import Leg
from callengine.db.models.membership import Membership
from callengine.db.models.offer import Offer
from callengine.db.models.queue import Queue
from callengine.db.models.queue_entry import QueueEntry
from callengine.db.models.skill import AgentSkill, Skill
from callengine.db.models.tenant import Tenant

__all__ = [
    "Agent",
    "AgentSkill",
    "Binding",
    "Call",
    "Leg",
    "LogHead",
    "LoggedEvent",
    "Membership",
    "Offer",
    "Queue",
    "QueueEntry",
    "Skill",
    "Tenant",
]
