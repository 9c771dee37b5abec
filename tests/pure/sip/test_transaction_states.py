"""The four tables, cell by cell, against grids written from the RFCs' figures."""

import pytest

from callengine.sip.transaction_states import (
    INVITE_CLIENT,
    INVITE_SERVER,
    NON_INVITE_CLIENT,
    NON_INVITE_SERVER,
    TABLES,
    Action,
    Input,
    State,
    Table,
    feed,
)

# A line is a cell: state, input -> next state: actions. Every pair that has no line changes nothing.
GRIDS = {
    "invite_client": """
        calling    timer_a         -> calling:    again_a repeat
        calling    timer_b         -> terminated: report_timeout
        calling    transport_error -> terminated: report_transport_error
        calling    receive_1xx     -> proceeding: stop_a stop_b pass_response
        calling    receive_2xx     -> accepted:   stop_a stop_b start_m pass_response
        calling    receive_refusal -> completed:  stop_a stop_b start_d send_ack pass_response
        proceeding cancelled       -> proceeding: stop_b start_b
        proceeding timer_b         -> terminated: report_timeout
        proceeding receive_1xx     -> proceeding: pass_response
        proceeding receive_2xx     -> accepted:   stop_b start_m pass_response
        proceeding receive_refusal -> completed:  stop_b start_d send_ack pass_response
        completed  receive_refusal -> completed:  send_ack
        completed  timer_d         -> terminated:
        completed  transport_error -> terminated:
        accepted   receive_2xx     -> accepted:   pass_response
        accepted   timer_m         -> terminated:
    """,
    "non_invite_client": """
        trying     timer_e         -> trying:     again_e repeat
        trying     timer_f         -> terminated: report_timeout
        trying     transport_error -> terminated: report_transport_error
        trying     receive_1xx     -> proceeding: pass_response
        trying     receive_2xx     -> completed:  stop_e stop_f start_k pass_response
        trying     receive_refusal -> completed:  stop_e stop_f start_k pass_response
        proceeding timer_e         -> proceeding: again_e_slow repeat
        proceeding timer_f         -> terminated: report_timeout
        proceeding transport_error -> terminated: report_transport_error
        proceeding receive_1xx     -> proceeding: pass_response
        proceeding receive_2xx     -> completed:  stop_e stop_f start_k pass_response
        proceeding receive_refusal -> completed:  stop_e stop_f start_k pass_response
        completed  timer_k         -> terminated:
    """,
    "invite_server": """
        proceeding request         -> proceeding: repeat
        proceeding timer_trying    -> proceeding: send_trying
        proceeding respond_1xx     -> proceeding: stop_trying send
        proceeding respond_2xx     -> accepted:   stop_trying start_l send
        proceeding respond_refusal -> completed:  stop_trying start_g start_h send
        proceeding transport_error -> terminated: report_transport_error
        completed  request         -> completed:  repeat
        completed  ack             -> confirmed:  stop_g stop_h start_i
        completed  timer_g         -> completed:  again_g repeat
        completed  timer_h         -> terminated: report_unacknowledged
        completed  transport_error -> terminated: report_transport_error
        confirmed  timer_i         -> terminated:
        accepted   respond_2xx     -> accepted:   repeat
        accepted   ack             -> accepted:   pass_ack
        accepted   timer_l         -> terminated:
        accepted   transport_error -> accepted:   report_transport_error
    """,
    "non_invite_server": """
        trying     respond_1xx     -> proceeding: send
        trying     respond_2xx     -> completed:  start_j send
        trying     respond_refusal -> completed:  start_j send
        proceeding request         -> proceeding: repeat
        proceeding respond_1xx     -> proceeding: send
        proceeding respond_2xx     -> completed:  start_j send
        proceeding respond_refusal -> completed:  start_j send
        proceeding transport_error -> terminated: report_transport_error
        completed  request         -> completed:  repeat
        completed  timer_j         -> terminated:
        completed  transport_error -> terminated: report_transport_error
    """,
}


def _grid(name: str) -> dict[tuple[str, str], tuple[str, tuple[str, ...]]]:
    cells = {}
    for line in GRIDS[name].strip().splitlines():
        left, _, right = line.partition("->")
        state, happened = left.split()
        following, _, actions = right.partition(":")
        cells[state, happened] = (following.strip(), tuple(actions.split()))
    return cells


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_cell(table: Table) -> None:
    grid = _grid(table.name)
    for state in table.rows:
        for happened in Input:
            expected = grid.get((state, happened), (state, ()))
            assert feed(table, state, happened) == expected, f"{state} {happened}"


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_the_grid_has_no_line_for_a_cell_that_is_not_there(table: Table) -> None:
    cells = {(state, happened) for state, row in table.rows.items() for happened in row}
    assert cells == set(_grid(table.name))


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_state_is_reached_and_has_a_row(table: Table) -> None:
    reached = {table.first_state}
    while True:
        more = {cell[0] for state in reached for cell in table.rows[state].values()} - reached
        if not more:
            break
        reached |= more
    assert reached == set(table.rows)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_nothing_happens_after_the_end(table: Table) -> None:
    assert table.rows[State.TERMINATED] == {}


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_state_that_is_entered_can_be_left_by_a_timer_that_runs(table: Table) -> None:
    """No state waits for the network or for a person alone, but those of an INVITE that rings."""
    waiting_for_people = {State.PROCEEDING} if table in (INVITE_CLIENT, INVITE_SERVER) else set()
    if table is NON_INVITE_SERVER:
        waiting_for_people = {State.TRYING, State.PROCEEDING}
    started = {action for row in table.rows.values() for cell in row.values() for action in cell[1]}
    started |= set(table.first_actions)
    for state in set(table.rows) - waiting_for_people - {State.TERMINATED}:
        ends = [
            happened.removeprefix("timer_")
            for happened, cell in table.rows[state].items()
            if happened.startswith("timer_") and cell[0] is State.TERMINATED
        ]
        assert ends, state
        assert all(Action(f"start_{letter}") in started for letter in ends)


def test_first_actions() -> None:
    assert INVITE_CLIENT.first_actions == ("start_a", "start_b", "send")
    assert NON_INVITE_CLIENT.first_actions == ("start_e", "start_f", "send")
    assert INVITE_SERVER.first_actions == ("start_trying", "pass_request")
    assert NON_INVITE_SERVER.first_actions == ("pass_request",)
