"""Header lines: order, names in any case and length, and nothing stale."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callengine.sip.headers import Headers, header_key


def test_a_name_is_found_in_any_case_and_form() -> None:
    headers = Headers([("v", "one"), ("VIA", "two"), ("Subject", "x"), ("cAlL-iD", "c")])
    assert headers.get_all("Via") == ["one", "two"]
    assert headers.get("via") == headers.get("V") == "one"
    assert headers.get("i") == "c"
    assert "s" in headers
    assert "to" not in headers
    assert headers.get("to") is None
    assert headers.get("to", "x") == "x"


@pytest.mark.parametrize("name", ["X-Own", "x-own", "X-OWN"])
def test_unknown_names_are_lower_cased(name: str) -> None:
    assert header_key(name) == "x-own"


def test_lines_keep_their_order_and_spelling() -> None:
    lines = [("v", "1"), ("X-Odd", "2"), ("via", "3")]
    assert Headers(lines).items() == lines
    assert len(Headers(lines)) == 3


def test_lines_are_added_set_and_removed() -> None:
    headers = Headers([("Route", "a"), ("Subject", "x"), ("route", "b")])
    headers.add("Route", "c")
    headers.insert_first("Via", "v")
    assert headers.items() == [("Via", "v"), ("Route", "a"), ("Subject", "x"), ("route", "b"), ("Route", "c")]
    headers.set("Route", "only")
    assert headers.items() == [("Via", "v"), ("Route", "only"), ("Subject", "x")]
    headers.set("To", "new")
    headers.remove("s")
    headers.remove("absent")
    assert headers.items() == [("Via", "v"), ("Route", "only"), ("To", "new")]


def test_only_the_first_line_is_replaced() -> None:
    headers = Headers([("To", "t"), ("v", "a"), ("Via", "b")])
    headers.replace_first("Via", "A")
    assert headers.items() == [("To", "t"), ("v", "A"), ("Via", "b")]
    headers.replace_first("Route", "r")
    assert headers.items()[0] == ("Route", "r")


def test_a_copy_is_apart() -> None:
    headers = Headers([("To", "t")])
    other = headers.copy()
    assert other == headers
    other.set("To", "u")
    assert headers.get("to") == "t"
    assert other != headers


def test_equality_looks_through_compact_names() -> None:
    assert Headers([("t", "x")]) == Headers([("To", "x")])
    assert Headers([("t", "x")]) != "t"


def test_a_list_handed_out_is_not_the_headers_own() -> None:
    headers = Headers([("To", "t")])
    headers.get_all("to").append("u")
    assert headers.get_all("to") == ["t"]


@pytest.mark.parametrize("value", ["a\r\nEvil: b", "a\nb", "a\rb"])
def test_a_line_break_cannot_be_put_into_a_value(value: str) -> None:
    headers = Headers()
    for change in (headers.add, headers.set, headers.insert_first, headers.replace_first):
        with pytest.raises(ValueError, match="line break"):
            change("Subject", value)
    assert len(headers) == 0


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["add", "set", "insert_first", "replace_first", "remove"]),
            st.sampled_from(["v", "Via", "To"]),
        )
    )
)
def test_what_was_read_of_the_lines_is_read_again_after_a_change(changes: list[tuple[str, str]]) -> None:
    headers = Headers()
    for number, (change, name) in enumerate(changes):
        if change == "remove":
            headers.remove(name)
        else:
            getattr(headers, change)(name, str(number))
        assert headers.typed("count", len) == len(headers.items())
        for key in ("via", "to"):
            assert headers.get_all(key) == [
                value for name, value in headers.items() if header_key(name) == key
            ]


def test_a_typed_value_is_read_once() -> None:
    reads = []
    headers = Headers([("To", "t")])

    def read(of: Headers) -> str | None:
        reads.append(of)
        return of.get("to")

    assert headers.typed("to", read) == headers.typed("to", read) == "t"
    assert len(reads) == 1
