"""What is read from the messages that baresip prints."""

from tests.e2e.trace import Traced, read_baresip_trace

SERVER, PHONE = 5060, 5062


def printed(source: int, target: int, first: str, cseq: str, *, transport: str = "TCP") -> str:
    """One message with its colours, as baresip has it between its other lines."""
    return (
        f"call: something\n\x1b[36;1m#\n{transport} 127.0.0.1:{source} -> 127.0.0.1:{target}\n"
        f"{first}\r\nVia: SIP/2.0/{transport} 127.0.0.1\r\nCSeq: {cseq}\r\nContent-Length: 3\r\n\r\n"
        "v=0\n\x1b[;m\n"
    )


def test_who_sent_a_message_is_told_by_either_port() -> None:
    output = "".join(
        [
            printed(40000, SERVER, "INVITE sip:a SIP/2.0", "7 INVITE"),
            printed(SERVER, 40000, "SIP/2.0 200 OK", "7 INVITE"),
            printed(50000, PHONE, "BYE sip:b SIP/2.0", "101 BYE"),
            printed(PHONE, 50000, "SIP/2.0 200 OK", "101 BYE"),
            printed(PHONE, SERVER, "REGISTER sip:c SIP/2.0", "1 REGISTER", transport="UDP"),
        ]
    )
    trace = read_baresip_trace(output, port=PHONE, server_port=SERVER)
    assert [message.sent for message in trace.messages] == [True, False, False, True, True]
    (invite,) = trace.requests("INVITE", sent=True)
    assert trace.statuses(invite) == [200]
    assert trace.requests("BYE", sent=False) == [Traced(False, "BYE sip:b SIP/2.0", "101 BYE")]
    assert trace.requests("BYE", sent=True) == []


def test_an_unanswered_request_has_no_status() -> None:
    trace = read_baresip_trace(
        printed(PHONE, SERVER, "BYE sip:a SIP/2.0", "2 BYE"), port=PHONE, server_port=SERVER
    )
    (bye,) = trace.requests("BYE", sent=True)
    assert trace.statuses(bye) == []
