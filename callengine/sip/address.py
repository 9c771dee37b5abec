"""A name with a URI and parameters, as in From, To, Contact, Route (RFC 3261 20.10)."""

from dataclasses import dataclass, replace

from callengine.errors import BadMessage
from callengine.sip.grammar import (
    Parameters,
    end_of_quoted,
    find_parameter,
    format_parameters,
    parse_parameters,
    quote,
    split_commas,
    unquote,
    with_parameter,
)
from callengine.sip.uri import Uri

_BLANK = " \t"


@dataclass(frozen=True, slots=True)
class Address:
    """`"Display Name" <sip:user@host>;parameters`."""

    display_name: str | None
    """What to show, quotes and their escapes resolved; None when there is none."""
    uri: Uri
    """Where it leads."""
    parameters: Parameters = ()
    """Those of the header, behind the ">"; the URI's own are in `uri`."""

    @classmethod
    def parse(cls, text: str) -> "Address":
        """One address, in angle brackets or bare. Raises BadMessage."""
        text = text.strip(_BLANK)
        if text.startswith('"'):
            end = end_of_quoted(text, 0)
            if end < 0:
                raise BadMessage("the quotes of a display name are not closed")
            rest = text[end:].lstrip(_BLANK)
            if not rest.startswith("<"):
                raise BadMessage("a display name is not followed by a URI in <>")
            return cls._parse_bracketed(unquote(text[:end]), rest[1:])
        name, bracket, rest = text.partition("<")
        if bracket:
            return cls._parse_bracketed(name.rstrip(_BLANK) or None, rest)
        return cls._parse_bare(text)

    @classmethod
    def _parse_bracketed(cls, display_name: str | None, text: str) -> "Address":
        """`text` starts behind the "<"."""
        uri, bracket, rest = text.partition(">")
        rest = rest.strip(_BLANK)
        if not bracket or (rest and rest[0] != ";"):
            raise BadMessage("an address is malformed behind its URI")
        return cls(display_name, Uri.parse(uri.strip(_BLANK)), parse_parameters(rest) if rest else ())

    @classmethod
    def _parse_bare(cls, text: str) -> "Address":
        """Without brackets ";" starts the header's parameters, and "?" is not allowed (RFC 3261 20.10)."""
        uri, _, rest = text.partition(";")
        if "?" in uri:
            raise BadMessage("a URI with ? must stand in <>")
        return cls(None, Uri.parse(uri.rstrip(_BLANK)), parse_parameters(rest) if rest else ())

    @classmethod
    def parse_list(cls, text: str) -> list["Address"]:
        """All addresses of a comma-separated list. Raises BadMessage."""
        return [cls.parse(piece) for piece in split_commas(text)]

    @property
    def tag(self) -> str | None:
        """The tag that makes it one side of a dialog (RFC 3261 19.3); None if absent or empty."""
        return find_parameter(self.parameters, "tag") or None

    def parameter(self, name: str) -> str | None:
        """The header's parameter of that lower-case name, unquoted; "" for a flag; None if absent."""
        return find_parameter(self.parameters, name)

    def with_tag(self, tag: str) -> "Address":
        """The same with this tag."""
        return replace(self, parameters=with_parameter(self.parameters, "tag", tag))

    def __str__(self) -> str:
        name = "" if self.display_name is None else quote(self.display_name) + " "
        return f"{name}<{self.uri}>{format_parameters(self.parameters)}"
