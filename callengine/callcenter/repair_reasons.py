"""What can disagree: one reason for each kind of repair, with what is done about it."""

from enum import StrEnum


class Reason(StrEnum):
    """Why something was repaired; the word that `state_repaired` tells."""

    CALL_WITHOUT_STORY = "call_without_story"
    CALL_PAST_ITS_LEASE = "call_past_its_lease"
    STORY_WITHOUT_CALL = "story_without_call"
    ENTRY_WITHOUT_CALL = "entry_without_call"
    ENTRY_OFFERED_TO_NOBODY = "entry_offered_to_nobody"
    ENTRY_PAST_ITS_LEASE = "entry_past_its_lease"
    CALLER_NOT_IN_LINE = "caller_not_in_line"
    DEPTH_DIFFERS = "depth_differs"
    OFFER_WITHOUT_STORY = "offer_without_story"
    OFFER_WITHOUT_CALL = "offer_without_call"
    OFFER_PAST_ITS_LEASE = "offer_past_its_lease"
    AGENT_BUSY_WITHOUT_CALL = "agent_busy_without_call"
    AGENT_LOAD_DIFFERS = "agent_load_differs"
    AGENT_WITHOUT_PHONE = "agent_without_phone"
    AGENT_NOT_SIGNED_ON = "agent_not_signed_on"
    WRAP_UP_PAST_ITS_LEASE = "wrap_up_past_its_lease"
    ROSTER_DIFFERS = "roster_differs"
    AGENT_HELD_FOR_NOBODY = "agent_held_for_nobody"
    LEG_WITHOUT_DIALOG = "leg_without_dialog"
    LEG_WITHOUT_MEDIA = "leg_without_media"
    LEG_PAST_ITS_LEASE = "leg_past_its_lease"
    LEG_UNREADABLE = "leg_unreadable"
    DIALOG_NOT_KNOWN = "dialog_not_known"
    DIALOG_WITHOUT_LEG = "dialog_without_leg"
    MEDIA_WITHOUT_LEG = "media_without_leg"
    ROWS_OF_ANOTHER_NODE = "rows_of_another_node"
    CLOCK_JUMPED = "clock_jumped"


MEANINGS: dict[Reason, tuple[str, str]] = {
    Reason.CALL_WITHOUT_STORY: (
        "The database has a call that is alive, and nothing goes on with it.",
        "Its record is completed (`failed`, this reason as its cause), and its phones are hung up.",
    ),
    Reason.CALL_PAST_ITS_LEASE: (
        "A conversation goes on beyond `general.max_call_duration_minutes`.",
        "It is hung up.",
    ),
    Reason.STORY_WITHOUT_CALL: (
        "A call goes on that the database holds for ended.",
        "Its phones are hung up.",
    ),
    Reason.ENTRY_WITHOUT_CALL: (
        "A place in a queue is taken by a call that has ended.",
        "The place is given up (`rejected`).",
    ),
    Reason.ENTRY_OFFERED_TO_NOBODY: (
        "A caller's place is `offered`, and no offer is out.",
        "It is `waiting` again, at the same place.",
    ),
    Reason.ENTRY_PAST_ITS_LEASE: (
        "A caller waits longer than the queue allows.",
        "The caller is sent away.",
    ),
    Reason.CALLER_NOT_IN_LINE: (
        "A caller waits, and does not stand in the line from which agents are served.",
        "The caller stands in it again, at the same place.",
    ),
    Reason.DEPTH_DIFFERS: (
        "A queue's depth is not the number of its callers.",
        "It is counted again.",
    ),
    Reason.OFFER_WITHOUT_STORY: (
        "An offer rings in the database, and its call does not know it.",
        "It is `withdrawn`, its phones get CANCEL, its agent is free.",
    ),
    Reason.OFFER_WITHOUT_CALL: (
        "An offer is alive whose call has ended.",
        "It is ended too.",
    ),
    Reason.OFFER_PAST_ITS_LEASE: (
        "An offer rings on after its deadline.",
        "Its phones get CANCEL, so it fails as if nobody had answered.",
    ),
    Reason.AGENT_BUSY_WITHOUT_CALL: (
        "An agent is `reserved` or `busy`, and has neither offer nor call.",
        "It is free, or offline if no phone is registered.",
    ),
    Reason.AGENT_LOAD_DIFFERS: (
        "An agent's load is not the number of its offers and calls.",
        "It is counted again, and the state follows.",
    ),
    Reason.AGENT_WITHOUT_PHONE: (
        "An agent is signed on, and none of its phones is registered.",
        "It is signed off.",
    ),
    Reason.AGENT_NOT_SIGNED_ON: (
        "An agent is offline that is to work, and a phone of it is registered.",
        "It is signed on.",
    ),
    Reason.WRAP_UP_PAST_ITS_LEASE: (
        "A wrap-up goes on although its time is over.",
        "It is ended.",
    ),
    Reason.ROSTER_DIFFERS: (
        "Dispatch believes an agent to be in another state than the database says, or left alone for longer.",
        "It takes over what the database says.",
    ),
    Reason.AGENT_HELD_FOR_NOBODY: (
        "Dispatch keeps an agent for a call that does not want it.",
        "The agent is let go.",
    ),
    Reason.LEG_WITHOUT_DIALOG: (
        "A leg of a call that goes on is up in the database, and its dialog is over or not there.",
        "Its phone is told BYE or CANCEL, and the leg is closed.",
    ),
    Reason.LEG_WITHOUT_MEDIA: (
        "A phone's media leg is not open.",
        "It is opened again on its port, and joined again; if that fails the call is hung up.",
    ),
    Reason.LEG_PAST_ITS_LEASE: (
        "A leg is `ending`, and nobody hangs it up.",
        "It is hung up and closed, and what it held is given back.",
    ),
    Reason.LEG_UNREADABLE: (
        "A leg cannot be made of its row.",
        "It is closed; its phone cannot be told.",
    ),
    Reason.DIALOG_NOT_KNOWN: (
        "A leg is up, and what its phone sends would be answered 481.",
        "The endpoint knows the dialog again.",
    ),
    Reason.DIALOG_WITHOUT_LEG: (
        "A dialog is open that belongs to no leg.",
        "Its phone is hung up.",
    ),
    Reason.MEDIA_WITHOUT_LEG: (
        "A media leg is open that belongs to no leg.",
        "It is closed.",
    ),
    Reason.ROWS_OF_ANOTHER_NODE: (
        "At the start: calls in the database belong to a node of another name, which cannot run on it too.",
        "They are taken up like those of an earlier run; a phone that knows its call no more says so.",
    ),
    Reason.CLOCK_JUMPED: (
        "The machine's clock was set.",
        "What is to end at a stored time ends as much later or earlier.",
    ),
}
"""For each reason what it means, and what is done."""
