"""Who a SIP agent is: identity, credentials, policy. Frozen; the password is in no repr."""

from collections.abc import Sequence

from attrs import field, frozen

from jzrx.options import Reconnect
from jzrx.sip.digest import DEFAULT_ALGORITHMS
from jzrx.sip.headers import NameAddr
from jzrx.sip.machine import Ids
from jzrx.sip.uri import Uri
from jzrx.types import Headers

__all__ = ["AgentConfig", "make_contact"]


def make_contact(ids: Ids) -> Uri:
    """A contact address for a WebSocket client (RFC 7118 section 5): unique, never resolvable, `transport=ws`.

    Also over TLS: jambonz routes to a contact only when it says `transport=ws`.
    """
    return Uri.parse(f"sip:{ids.token(8)}@{ids.token(12)}.invalid;transport=ws")


@frozen(kw_only=True)
class AgentConfig:
    """What an agent needs to know. `transport` is the word in Via: `WS`, or `WSS` over TLS.

    `instance`: the UUID URN under which a client registers (RFC 5626); a server's agent has none.
    `session_expires` (s) is what calls ask for (RFC 4028); None: they only take what the other side asks for.

    `delegate` makes a server's agent: requests outside a dialog are put out instead of answered here.
    """

    contact: Uri
    realm: str
    username: str
    password: str = field(repr=False)
    transport: str = "WS"
    display_name: str | None = None
    user_agent: str | None = None
    auto_register: bool = True
    register_expires: int = 300
    register_headers: Headers = ()
    connect_timeout: float = 10.0
    reconnect: Reconnect = field(factory=Reconnect)
    digest_algorithms: Sequence[str] = DEFAULT_ALGORITHMS
    keepalive: float = 25.0
    instance: str | None = None
    session_expires: int | None = None
    delegate: bool = False

    @property
    def dialog_contact(self) -> Uri:
        """The contact in requests of ours that form a dialog: `ob` wants what follows in it over the same flow.

        RFC 5626 section 4.3. It is no other address: the registration has it without `ob`.
        """
        return self.contact if self.instance is None else self.contact.replace(params=self.contact.params.with_("ob"))

    @property
    def address(self) -> NameAddr:
        """Our address of record with the display name, without tag."""
        return NameAddr(Uri("sip", self.username, self.realm), self.display_name)

    @property
    def registrar(self) -> Uri:
        """Where REGISTER goes (RFC 3261 section 10.2): the realm."""
        return Uri("sip", None, self.realm)
