"""Calls of hand-written SIP: descriptions that look real, with nobody behind them, and the steps of a call."""

import secrets

from attrs import frozen

from jzrx.media.negotiation import LocalMedia, make_answer, make_offer
from jzrx.media.sdp import Fingerprint, build, parse
from tests.interop.rawphone import RawMessage, RawPhone

SDP = "Content-Type: application/sdp"

NOWHERE = LocalMedia(
    session_id=4711,
    ssrc=4711,
    cname="raw",
    address="127.0.0.1",
    port=9,
    ice_ufrag="abcd",
    ice_pwd="abcdefghijklmnopqrstuvwx",
    candidates=("1 1 udp 2130706431 127.0.0.1 9 typ host",),
    fingerprints=(Fingerprint("sha-256", ":".join(["AB"] * 32)),),
)
"""Somebody at the discard port."""

OFFER = build(make_offer(NOWHERE))
HOLD_OFFER = OFFER.replace("a=sendrecv", "a=sendonly")


def answer_to(offer: str) -> str:
    """An answer that accepts the offer."""
    return build(make_answer(parse(offer), NOWHERE).local)


@frozen
class Dialog:
    """One side of a call that is up: enough to send requests in it."""

    phone: RawPhone
    call_id: str
    remote: str
    local: str
    target: str

    async def send(self, method: str, *headers: str, body: str = "") -> RawMessage:
        """Send a request in the dialog."""
        text = self.phone.request(method, self.target, *headers, to=self.remote, call_id=self.call_id, body=body)
        start = text.index("From: ")
        end = text.index("\r\n", start)
        return await self.phone.send(f"{text[:start]}From: {self.local}{text[end:]}")

    async def ask(self, method: str, *headers: str, body: str = "") -> RawMessage:
        """Send a request, and return its final response."""
        return await self.phone.answer(await self.send(method, *headers, body=body), 200)

    async def acknowledge(self, final: RawMessage) -> None:
        """ACK a 2xx: a branch of its own, the number of its INVITE (RFC 3261 section 13.2.2.4)."""
        number = int(final.header("CSeq").split(" ")[0])
        await self.phone.send(
            self.phone.request("ACK", self.target, to=self.remote, call_id=self.call_id, number=number).replace(
                f"From: <{self.phone.address}>;tag={self.phone.tag}", f"From: {self.local}"
            )
        )


def uri_of(message: RawMessage) -> str:
    return message.header("Contact").partition("<")[2].partition(">")[0]


async def send(phone: RawPhone, method: str, target: str, *headers: str, body: str = "") -> RawMessage:
    """Send a request outside a dialog, answer its challenge, and return what was sent then; await nothing more."""
    uri, call_id = f"sip:{target}@localhost", secrets.token_hex(8)
    first = await phone.send(phone.request(method, uri, *headers, call_id=call_id, body=body))
    challenge = await phone.answer(first, 200)
    assert challenge.status == 401, challenge.text
    if method == "INVITE":
        await phone.acknowledge(first, challenge)
    credentials = phone.credentials(challenge, method, uri)
    return await phone.send(phone.request(method, uri, *headers, credentials, call_id=call_id, body=body))


async def dial(caller: RawPhone, target: str, *headers: str, body: str = OFFER) -> RawMessage:
    """Send an INVITE with credentials."""
    return await send(caller, "INVITE", target, *((SDP,) if body else ()), *headers, body=body)


async def refusal(caller: RawPhone, target: str) -> RawMessage:
    """Call, and return the final response, acknowledged."""
    request = await dial(caller, target)
    final = await caller.answer(request, 200)
    await caller.acknowledge(request, final)
    return final


async def answered(caller: RawPhone, request: RawMessage) -> tuple[RawMessage, Dialog]:
    """Wait for the 200, acknowledge it: (the 200, the caller's dialog)."""
    final = await caller.answer(request, 200)
    assert final.status == 200, final.text
    dialog = Dialog(caller, final.header("Call-ID"), final.header("To"), final.header("From"), uri_of(final))
    await dialog.acknowledge(final)
    return final, dialog


async def accept(callee: RawPhone, offered: RawMessage, *headers: str) -> Dialog:
    """Answer an INVITE, and wait for the ACK: the callee's dialog."""
    await callee.respond(offered, 200, "OK", SDP, *headers, body=answer_to(offered.body))
    await callee.incoming("ACK")
    local = f"{offered.header('To')};tag={callee.tag}"
    return Dialog(callee, offered.header("Call-ID"), offered.header("From"), local, uri_of(offered))


@frozen
class Call:
    """A call that is up, from both sides."""

    caller: Dialog
    callee: Dialog
    offered: RawMessage
    final: RawMessage


async def call(caller: RawPhone, callee: RawPhone, *headers: str) -> Call:
    """`caller` calls `callee`, who is registered and answers."""
    request = await dial(caller, callee.user, *headers)
    offered = await callee.incoming("INVITE")
    theirs = await accept(callee, offered)
    final, ours = await answered(caller, request)
    return Call(ours, theirs, offered, final)
