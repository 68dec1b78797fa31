"""The far end of a phone in virtual time: a registrar, and people who call and are called, each by a name."""

from collections.abc import Iterable

from attrs import define, field

from jzrx.errors import CallError
from jzrx.sip.message import Request, Response
from jzrx.testing.peer import Peer, grant, in_dialog, request, respond
from jzrx.testing.virtual_loop import VirtualTime

__all__ = ["FarCall", "FarEnd"]

NAMES = ("bob", "carol", "dave", "erin", "frank", "grace", "heidi", "ivan", "judy", "mallory")


@define
class FarCall:
    """A call as the far end has it. `invite` is that which began it; `known` what its dialog is known by there."""

    name: str
    invite: Request
    known: Request | Response | None
    is_answered: bool = False
    number: int = field(default=1)


class FarEnd(Peer):
    """A peer without delay that keeps its calls. At first it leaves every REGISTER unanswered (`grant`, `refuse`).

    Whoever calls, or is called, has a name: bob, carol, dave, ... in their order, or the user part of what was dialled.
    CallError where the call is not there, or not so far.
    """

    def __init__(self, scheduler: VirtualTime) -> None:
        super().__init__(scheduler, delay=0.0)
        self.calls: dict[str, FarCall] = {}
        self._count = 0
        self._messages = 0
        self._registering: list[Request] = []
        self._registrar: str = "silent"
        self.answers |= {
            "REGISTER": self._register,
            "INVITE": self._invited,
            "BYE": self._left,
            "CANCEL": self._gave_up,
            "REFER": 202,
        }

    # --- the registrar ----------------------------------------------------------------------------------------------

    def grant(self) -> None:
        """Grant the REGISTER that waits, and those to come."""
        self._decide("grants")

    def refuse(self) -> None:
        """Refuse the REGISTER that waits, and those to come, with 403."""
        self._decide("refuses")

    def _decide(self, registrar: str) -> None:
        self._registrar = registrar
        waiting, self._registering = self._registering, []
        for register in waiting:
            for response in self._register(register):
                self.say(response)

    def _register(self, register: Request) -> Iterable[Response]:
        if self._registrar == "grants" or register.expires == 0:
            return [grant(register)]
        if self._registrar == "refuses":
            return [respond(register, 403)]
        self._registering.append(register)
        return []

    # --- the network ------------------------------------------------------------------------------------------------

    def drop(self) -> None:
        """The connection breaks; the server can be reached again at once."""
        self.wire.drop()

    def go(self) -> None:
        """The server is gone, and its connection with it."""
        self.wire.behaviour = "refuse"
        self.wire.drop("the server went away")

    def come_back(self) -> None:
        """The server can be reached again."""
        self.wire.behaviour = "accept"

    # --- calls ------------------------------------------------------------------------------------------------------

    def next_name(self) -> str:
        """Who is next to call, or to be called."""
        self._count += 1
        return NAMES[self._count - 1] if self._count <= len(NAMES) else f"caller{self._count}"

    def call(self, name: str | None = None) -> FarCall:
        """Somebody calls the phone."""
        name = name or self.next_name()
        invite = request("INVITE", from_=_address(name), call_id=f"call-of-{name}", sdp=_description("sendrecv"))
        self.calls[name] = FarCall(name, invite, None)
        self.say(invite)
        return self.calls[name]

    def ring(self, name: str | None = None) -> None:
        """It rings at who is called (180)."""
        call = self._dialled(name)
        self.say(respond(call.invite, 180, tag=call.name))

    def answer(self, name: str | None = None) -> None:
        """Who is called answers."""
        call = self._dialled(name)
        call.is_answered = True
        self.say(respond(call.invite, 200, sdp=_description("sendrecv"), tag=call.name))

    def hold(self, name: str, *, held: bool = True) -> None:
        """The other side holds the call, or takes its hold back."""
        self._say_in(name, "INVITE", sdp=_description("sendonly" if held else "sendrecv"))

    def end(self, name: str, code: int = 486) -> None:
        """The other side ends the call: BYE, CANCEL, or a refusal with `code`."""
        call = self._known(name)
        if call.is_answered:
            self._say_in(name, "BYE")
        elif isinstance(call.known, Request):
            self.say(respond(call.invite, code, tag=name))
        else:
            self.say(request("CANCEL", from_=_address(name), call_id=call.invite.call_id))
        del self.calls[name]

    def message(self, body: str, name: str = "bob") -> None:
        """Somebody sends a text."""
        self._messages += 1
        call_id = f"message-{self._messages}"
        self.say(
            request("MESSAGE", from_=_address(name), call_id=call_id, body=body.encode(), content_type="text/plain")
        )

    def _known(self, name: str) -> FarCall:
        if name not in self.calls:
            raise CallError(f"there is no call with {name}")
        return self.calls[name]

    def _dialled(self, name: str | None) -> FarCall:
        """The call that the phone makes, of those the latest if it is not named."""
        waiting = [call for call in self.calls.values() if isinstance(call.known, Request) and not call.is_answered]
        found = [call for call in waiting if name in (None, call.name)]
        if not found:
            raise CallError("the phone calls nobody who has not answered" if name is None else f"nobody calls {name}")
        return found[-1]

    def _say_in(self, name: str, method: str, sdp: str | None = None) -> None:
        call = self._known(name)
        if call.known is None:
            raise CallError(f"the call with {name} is not answered")
        call.number += 1
        self.say(in_dialog(method, call.known, number=call.number, tag=name, sdp=sdp))

    # --- what the phone says ----------------------------------------------------------------------------------------

    def _arrived(self, frame: str) -> None:
        before = len(self.received)
        super()._arrived(frame)
        for message in self.received[before:]:
            if isinstance(message, Response) and message.cseq.method == "INVITE":
                self._responded(message)

    def _responded(self, response: Response) -> None:
        call = self._of(response)
        if response.status_code >= 300:
            if call is not None and not call.is_answered:
                del self.calls[call.name]
            return
        if call is not None and response.to.tag and call.known is None:
            call.known = response
        if response.status_code >= 200:
            if call is not None:
                call.is_answered = True
            self.say(in_dialog("ACK", response, number=response.cseq.number))

    def _invited(self, invite: Request) -> Iterable[Response]:
        if invite.to.tag:  # it holds, unholds or refreshes
            held = b"a=sendonly" in invite.body
            return [respond(invite, 200, sdp=_description("recvonly" if held else "sendrecv"))]
        name = invite.uri.user or str(self._count)
        self.calls[name] = FarCall(name, invite, invite)
        return [respond(invite, 100)]

    def _left(self, bye: Request) -> Iterable[Response]:
        self._forget(bye)
        return [respond(bye, 200)]

    def _gave_up(self, cancel: Request) -> Iterable[Response]:
        call = self._forget(cancel)
        refusal = [] if call is None else [respond(call.invite, 487, tag=call.name)]
        return [respond(cancel, 200), *refusal]

    def _forget(self, message: Request) -> FarCall | None:
        call = self._of(message)
        return None if call is None else self.calls.pop(call.name)

    def _of(self, message: Request | Response) -> FarCall | None:
        return next((call for call in self.calls.values() if call.invite.call_id == message.call_id), None)


def _address(name: str) -> str:
    return f'"{name.title()}" <sip:{name}@example.com>;tag={name}'


def _description(direction: str) -> str:
    lines = ("v=0", "m=audio 9 UDP/TLS/RTP/SAVPF 111 110", "a=rtpmap:110 telephone-event/48000", f"a={direction}")
    return "".join(f"{line}\r\n" for line in lines)
