"""The four state machines of SIP transactions, as tables (RFC 3261 17, with the corrections of RFC 6026).

Theory of operation
===================

A transaction is one request and all its answers. Each of its two ends is one of four machines:

    invite_client        we sent an INVITE                 (RFC 3261 17.1.1, RFC 6026 7.2)
    non_invite_client    we sent any other request         (RFC 3261 17.1.2)
    invite_server        we were sent an INVITE            (RFC 3261 17.2.1, RFC 6026 7.1)
    non_invite_server    we were sent any other request    (RFC 3261 17.2.2)

What happens to a machine is an `Input`: a message of some class, the answer that our own side gives
(`respond_...`), a timer that fires, a failure of the transport. A table says for each state and input which
state comes next and which `Action`s are to be done, in that order. What stands in no cell changes nothing:
it is a late or a repeated message, or a timer that was stopped too late.

`start_x` starts timer X with its first duration, `again_x` starts it once more with the longer one (RFC 3261
17.1.1.2, 17.1.2.2, 17.2.1), `stop_x` stops it. `send` sends the transaction's own message (the request of a
client, the latest response of a server), `repeat` sends it once more, which is counted as a retransmission.
`pass_response` and `pass_ack` give the message to whoever uses the transaction; `report_...` tell it that the
transaction failed. On entering `terminated` every timer is stopped and the transaction is forgotten.

The machine of a client starts with its request being sent, that of a server with its request being passed on:
`Table.first_actions` are done when it is made.

Three things go beyond the figures of RFC 3261:

- `accepted` (RFC 6026): after a 2xx the INVITE's transactions stay for timers L and M, so that a repeated
  INVITE makes no second call and the 2xx of another fork still finds its way. The session repeats the 2xx.
- A client that was CANCELed and hears nothing more gives up after 64*T1 (RFC 3261 9.1): input `cancelled`
  starts timer B once more.
- 100 Trying is sent by timer `trying`, 200 ms after an INVITE that nobody has answered until then.

`feed` is the only function that reads the tables; the pictures in the documentation are drawn from them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class State(StrEnum):
    """Where a transaction stands; the names are those of the RFCs' figures."""

    CALLING = "calling"
    TRYING = "trying"
    PROCEEDING = "proceeding"
    COMPLETED = "completed"
    CONFIRMED = "confirmed"
    ACCEPTED = "accepted"
    TERMINATED = "terminated"


class Input(StrEnum):
    """What can happen to a transaction."""

    REQUEST = "request"
    ACK = "ack"
    RECEIVE_1XX = "receive_1xx"
    RECEIVE_2XX = "receive_2xx"
    RECEIVE_REFUSAL = "receive_refusal"
    RESPOND_1XX = "respond_1xx"
    RESPOND_2XX = "respond_2xx"
    RESPOND_REFUSAL = "respond_refusal"
    CANCELLED = "cancelled"
    TRANSPORT_ERROR = "transport_error"
    TIMER_TRYING = "timer_trying"
    TIMER_A = "timer_a"
    TIMER_B = "timer_b"
    TIMER_D = "timer_d"
    TIMER_E = "timer_e"
    TIMER_F = "timer_f"
    TIMER_G = "timer_g"
    TIMER_H = "timer_h"
    TIMER_I = "timer_i"
    TIMER_J = "timer_j"
    TIMER_K = "timer_k"
    TIMER_L = "timer_l"
    TIMER_M = "timer_m"


class Action(StrEnum):
    """What a transaction is to do."""

    SEND = "send"
    REPEAT = "repeat"
    SEND_ACK = "send_ack"
    SEND_TRYING = "send_trying"
    PASS_REQUEST = "pass_request"
    PASS_RESPONSE = "pass_response"
    PASS_ACK = "pass_ack"
    REPORT_TIMEOUT = "report_timeout"
    REPORT_TRANSPORT_ERROR = "report_transport_error"
    REPORT_UNACKNOWLEDGED = "report_unacknowledged"
    START_TRYING = "start_trying"
    START_A = "start_a"
    START_B = "start_b"
    START_D = "start_d"
    START_E = "start_e"
    START_F = "start_f"
    START_G = "start_g"
    START_H = "start_h"
    START_I = "start_i"
    START_J = "start_j"
    START_K = "start_k"
    START_L = "start_l"
    START_M = "start_m"
    AGAIN_A = "again_a"
    AGAIN_E = "again_e"
    AGAIN_E_SLOW = "again_e_slow"
    AGAIN_G = "again_g"
    STOP_TRYING = "stop_trying"
    STOP_A = "stop_a"
    STOP_B = "stop_b"
    STOP_E = "stop_e"
    STOP_F = "stop_f"
    STOP_G = "stop_g"
    STOP_H = "stop_h"


Cell = tuple[State, tuple[Action, ...]]


@dataclass(frozen=True)
class Table:
    """One machine: its first state and actions, and a row of cells for each state."""

    name: str
    first_state: State
    first_actions: tuple[Action, ...]
    rows: Mapping[State, Mapping[Input, Cell]] = field(repr=False)


_FORGET: Cell = (State.TERMINATED, ())
_UNREACHABLE: Cell = (State.TERMINATED, (Action.REPORT_TRANSPORT_ERROR,))
_TIMED_OUT: Cell = (State.TERMINATED, (Action.REPORT_TIMEOUT,))


INVITE_CLIENT = Table(
    name="invite_client",
    first_state=State.CALLING,
    first_actions=(Action.START_A, Action.START_B, Action.SEND),
    rows={
        State.CALLING: {
            Input.TIMER_A: (State.CALLING, (Action.AGAIN_A, Action.REPEAT)),
            Input.TIMER_B: _TIMED_OUT,
            Input.TRANSPORT_ERROR: _UNREACHABLE,
            Input.RECEIVE_1XX: (State.PROCEEDING, (Action.STOP_A, Action.STOP_B, Action.PASS_RESPONSE)),
            Input.RECEIVE_2XX: (
                State.ACCEPTED,
                (Action.STOP_A, Action.STOP_B, Action.START_M, Action.PASS_RESPONSE),
            ),
            Input.RECEIVE_REFUSAL: (
                State.COMPLETED,
                (Action.STOP_A, Action.STOP_B, Action.START_D, Action.SEND_ACK, Action.PASS_RESPONSE),
            ),
        },
        State.PROCEEDING: {
            Input.CANCELLED: (State.PROCEEDING, (Action.STOP_B, Action.START_B)),
            Input.TIMER_B: _TIMED_OUT,
            Input.RECEIVE_1XX: (State.PROCEEDING, (Action.PASS_RESPONSE,)),
            Input.RECEIVE_2XX: (State.ACCEPTED, (Action.STOP_B, Action.START_M, Action.PASS_RESPONSE)),
            Input.RECEIVE_REFUSAL: (
                State.COMPLETED,
                (Action.STOP_B, Action.START_D, Action.SEND_ACK, Action.PASS_RESPONSE),
            ),
        },
        State.COMPLETED: {
            Input.RECEIVE_REFUSAL: (State.COMPLETED, (Action.SEND_ACK,)),
            Input.TIMER_D: _FORGET,
            Input.TRANSPORT_ERROR: _FORGET,
        },
        State.ACCEPTED: {
            Input.RECEIVE_2XX: (State.ACCEPTED, (Action.PASS_RESPONSE,)),
            Input.TIMER_M: _FORGET,
        },
        State.TERMINATED: {},
    },
)

_FINAL_TO_OTHER: Cell = (
    State.COMPLETED,
    (Action.STOP_E, Action.STOP_F, Action.START_K, Action.PASS_RESPONSE),
)

NON_INVITE_CLIENT = Table(
    name="non_invite_client",
    first_state=State.TRYING,
    first_actions=(Action.START_E, Action.START_F, Action.SEND),
    rows={
        State.TRYING: {
            Input.TIMER_E: (State.TRYING, (Action.AGAIN_E, Action.REPEAT)),
            Input.TIMER_F: _TIMED_OUT,
            Input.TRANSPORT_ERROR: _UNREACHABLE,
            Input.RECEIVE_1XX: (State.PROCEEDING, (Action.PASS_RESPONSE,)),
            Input.RECEIVE_2XX: _FINAL_TO_OTHER,
            Input.RECEIVE_REFUSAL: _FINAL_TO_OTHER,
        },
        State.PROCEEDING: {
            Input.TIMER_E: (State.PROCEEDING, (Action.AGAIN_E_SLOW, Action.REPEAT)),
            Input.TIMER_F: _TIMED_OUT,
            Input.TRANSPORT_ERROR: _UNREACHABLE,
            Input.RECEIVE_1XX: (State.PROCEEDING, (Action.PASS_RESPONSE,)),
            Input.RECEIVE_2XX: _FINAL_TO_OTHER,
            Input.RECEIVE_REFUSAL: _FINAL_TO_OTHER,
        },
        State.COMPLETED: {
            Input.TIMER_K: _FORGET,
        },
        State.TERMINATED: {},
    },
)

_REFUSE_INVITE: Cell = (
    State.COMPLETED,
    (Action.STOP_TRYING, Action.START_G, Action.START_H, Action.SEND),
)

INVITE_SERVER = Table(
    name="invite_server",
    first_state=State.PROCEEDING,
    first_actions=(Action.START_TRYING, Action.PASS_REQUEST),
    rows={
        State.PROCEEDING: {
            Input.REQUEST: (State.PROCEEDING, (Action.REPEAT,)),
            Input.TIMER_TRYING: (State.PROCEEDING, (Action.SEND_TRYING,)),
            Input.RESPOND_1XX: (State.PROCEEDING, (Action.STOP_TRYING, Action.SEND)),
            Input.RESPOND_2XX: (State.ACCEPTED, (Action.STOP_TRYING, Action.START_L, Action.SEND)),
            Input.RESPOND_REFUSAL: _REFUSE_INVITE,
            Input.TRANSPORT_ERROR: _UNREACHABLE,
        },
        State.COMPLETED: {
            Input.REQUEST: (State.COMPLETED, (Action.REPEAT,)),
            Input.ACK: (State.CONFIRMED, (Action.STOP_G, Action.STOP_H, Action.START_I)),
            Input.TIMER_G: (State.COMPLETED, (Action.AGAIN_G, Action.REPEAT)),
            Input.TIMER_H: (State.TERMINATED, (Action.REPORT_UNACKNOWLEDGED,)),
            Input.TRANSPORT_ERROR: _UNREACHABLE,
        },
        State.CONFIRMED: {
            Input.TIMER_I: _FORGET,
        },
        State.ACCEPTED: {
            Input.RESPOND_2XX: (State.ACCEPTED, (Action.REPEAT,)),
            Input.ACK: (State.ACCEPTED, (Action.PASS_ACK,)),
            Input.TIMER_L: _FORGET,
            Input.TRANSPORT_ERROR: (State.ACCEPTED, (Action.REPORT_TRANSPORT_ERROR,)),
        },
        State.TERMINATED: {},
    },
)

_ANSWER_OTHER: Cell = (State.COMPLETED, (Action.START_J, Action.SEND))

NON_INVITE_SERVER = Table(
    name="non_invite_server",
    first_state=State.TRYING,
    first_actions=(Action.PASS_REQUEST,),
    rows={
        State.TRYING: {
            Input.RESPOND_1XX: (State.PROCEEDING, (Action.SEND,)),
            Input.RESPOND_2XX: _ANSWER_OTHER,
            Input.RESPOND_REFUSAL: _ANSWER_OTHER,
        },
        State.PROCEEDING: {
            Input.REQUEST: (State.PROCEEDING, (Action.REPEAT,)),
            Input.RESPOND_1XX: (State.PROCEEDING, (Action.SEND,)),
            Input.RESPOND_2XX: _ANSWER_OTHER,
            Input.RESPOND_REFUSAL: _ANSWER_OTHER,
            Input.TRANSPORT_ERROR: _UNREACHABLE,
        },
        State.COMPLETED: {
            Input.REQUEST: (State.COMPLETED, (Action.REPEAT,)),
            Input.TIMER_J: _FORGET,
            Input.TRANSPORT_ERROR: _UNREACHABLE,
        },
        State.TERMINATED: {},
    },
)

TABLES = (INVITE_CLIENT, NON_INVITE_CLIENT, INVITE_SERVER, NON_INVITE_SERVER)


def feed(table: Table, state: State, happened: Input) -> Cell:
    """What comes of `happened` in `state`: the next state, and the actions in their order."""
    cell = table.rows[state].get(happened)
    return cell if cell is not None else (state, ())
