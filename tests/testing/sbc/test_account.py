"""What the account may do: its limits, and what its users may call directly. By hand-written SIP."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from attrs import frozen

from jzrx.sip.uri import Uri
from jzrx.testing.sbc.account import Account, Grant
from jzrx.testing.sbc.robots import busy
from jzrx.testing.sbc.routing import ToRobot, ToUser, route
from jzrx.testing.sbc.server import EmbeddedSbc
from tests.interop.rawphone import RawMessage, RawPhone, raw_phone
from tests.testing.sbc.calling import OFFER, SDP, dial, refusal
from tests.testing.sbc.conftest import USERS


@frozen
class Table:
    """A server and two phones; bob is registered."""

    sbc: EmbeddedSbc
    alice: RawPhone
    bob: RawPhone


@asynccontextmanager
async def table(**options: object) -> AsyncIterator[Table]:
    apps = {"tone": "tone", "all": "echo"}
    async with (
        EmbeddedSbc(USERS, apps=apps, **options) as sbc,  # type: ignore[arg-type]
        raw_phone(sbc.url, "alice", USERS["alice"], "localhost") as alice,
        raw_phone(sbc.url, "bob", USERS["bob"], "localhost") as bob,
    ):
        await bob.register()
        yield Table(sbc, alice, bob)


async def answer_at_once(phone: RawPhone, method: str) -> RawMessage:
    """The first answer to a request without credentials."""
    to, headers, body = (f"<{phone.address}>", ("Expires: 60",), "") if method == "REGISTER" else ("", (SDP,), OFFER)
    uri = "sip:localhost" if method == "REGISTER" else "sip:bob@localhost"
    request = await phone.send(phone.request(method, uri, *headers, to=to, body=body))
    return await phone.answer(request, 200)


@pytest.mark.parametrize(("method", "status"), [("REGISTER", 403), ("INVITE", 503)])
async def test_an_inactive_account_is_refused_before_any_challenge(method: str, status: int) -> None:
    async with (
        EmbeddedSbc(USERS, account=Account(is_active=False)) as sbc,
        raw_phone(sbc.url, "alice", "x", "localhost") as alice,
    ):
        refused = await answer_at_once(alice, method)
    assert (refused.status, refused.header("X-Reason")) == (status, "Account exists but is inactive")


async def test_max_devices() -> None:
    """Who is registered stays so and may refresh; the next one is refused."""
    async with table(account=Account(max_devices=1)) as there:
        refused = await answer_at_once(there.alice, "REGISTER")
        assert refused.start_line == "SIP/2.0 503 Max Devices Registered"
        assert (await answer_at_once(there.bob, "REGISTER")).status == 200
        assert there.sbc.registered == ("bob",)


async def test_max_calls() -> None:
    async with table(account=Account(max_calls=1, sid="account")) as there:
        await dial(there.alice, "bob")
        offered = await there.bob.incoming("INVITE")
        refused = await answer_at_once(there.alice, "INVITE")
        assert refused.start_line == "SIP/2.0 503 Max Account Calls In Progress"
        assert (refused.header("X-Account-Sid"), refused.header("X-Call-Limit")) == ("account", "1")
        await there.bob.respond(offered, 486, "Busy Here")


async def test_no_subscription() -> None:
    async with table(account=Account(is_subscribed=False)) as there:
        assert (await answer_at_once(there.alice, "INVITE")).start_line == "SIP/2.0 503 No Active Subscription"


@pytest.mark.parametrize("limits", [{"max_calls": -1}, {"max_devices": -1}])
def test_impossible_limits(limits: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="max_"):
        Account(**limits)  # type: ignore[arg-type]


# --- grants and the order ---------------------------------------------------------------------------------------------

ALL: tuple[Grant, ...] = ("app", "queue", "user")


@pytest.mark.parametrize(
    ("granted", "device_app", "target", "leads"),
    [
        (ALL, None, "app-tone", "app-tone"),
        (ALL, "all", "app-tone", "app-tone"),
        (ALL, None, "queue-support", "queue-support"),
        (ALL, None, "conference-room", "conference-room"),
        (ALL, None, "bob", "bob"),
        # with a device-calling application nothing else is called directly
        *((ALL, "all", target, "app-all") for target in ("queue-support", "conference-room", "bob", "nobody")),
        # who may not falls through, to that application or nowhere
        (("queue", "user"), None, "app-tone", None),
        (("queue", "user"), "all", "app-tone", "app-all"),
        (("app", "user"), None, "queue-support", None),
        (("queue", "user"), None, "conference-room", None),  # granted with the applications
        (("app",), None, "conference-room", "conference-room"),
        (("app", "queue"), None, "bob", None),
        ((), "all", "bob", "app-all"),
    ],
)
def test_the_order_and_the_grants(
    granted: tuple[Grant, ...], device_app: str | None, target: str, leads: str | None
) -> None:
    account = Account(grants={"alice": granted})
    led = route(
        Uri.parse(f"sip:{target}@localhost"),
        realm="localhost",
        may=lambda what: account.may_call("alice", what),
        is_registered=lambda user: user == "bob",
        apps={"tone": busy, "all": busy},
        device_app=device_app,
        queue=lambda _: busy,
        conference=lambda _: busy,
        robots={},
    )
    match led:
        case ToUser(user=name) | ToRobot(name=name):
            assert name == leads
        case refusal:
            assert leads is None
            assert (refusal.status, dict(refusal.headers)) == (480, {"X-Reason": "no configured application"})


async def test_who_may_not_call_users_directly_reaches_nobody() -> None:
    async with table(account=Account(grants={"alice": ("app", "queue")})) as there:
        refused = await refusal(there.alice, "bob")
        assert (refused.status, refused.header("X-Reason")) == (480, "no configured application")
