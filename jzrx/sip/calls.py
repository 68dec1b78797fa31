"""The calls of a user agent: one session machine each, and the way from a message to its machine."""

from collections.abc import Callable

from attrs import evolve

from jzrx.commands import Dial, HangUp, Transfer
from jzrx.errors import CallError
from jzrx.events import CallAnswered, CallEnded, CallProgressed
from jzrx.sip.config import AgentConfig
from jzrx.sip.dialog import dialog_of_request
from jzrx.sip.exchanges import Owner
from jzrx.sip.headers import NameAddr
from jzrx.sip.layer import LOST, TransactionLayer
from jzrx.sip.machine import Ids, Notify, Output, Settle
from jzrx.sip.message import Request, Response
from jzrx.sip.params import Params
from jzrx.sip.redirects import Redirects
from jzrx.sip.replaces import Replaces
from jzrx.sip.session import step
from jzrx.sip.session.callee import ring
from jzrx.sip.session.caller import FORK_BYE
from jzrx.sip.session.referral import Followed, Issued
from jzrx.sip.session.referred import reached
from jzrx.sip.session.replaced import replaceable
from jzrx.sip.session.state import (
    BYE,
    CANCEL,
    Acknowledge,
    Answered,
    Asked,
    CancelInvite,
    Cancelled,
    EndCall,
    FlowFailed,
    Issue,
    Moment,
    Phase,
    Received,
    Repeat,
    Reply,
    Session,
    SessionInput,
    SessionOutput,
    Unanswered,
)
from jzrx.sip.uri import Uri
from jzrx.types import CallDirection

__all__ = ["CALL", "Calls"]

NO_CONSULTATION = "the consultation call has ended, or is none; call its party again"

CALL = "call"
"""The kind of owner of what a call sends."""


class Calls:
    """All sessions of one agent. `out` takes what the shell is to do."""

    def __init__(
        self,
        config: AgentConfig,
        ids: Ids,
        now: Callable[[], float],
        layer: TransactionLayer,
        out: Callable[[Output], None],
    ) -> None:
        self._config = config
        self._ids = ids
        self._now = now
        self._layer = layer
        self._out = out
        self._sessions: dict[str, Session] = {}
        self._dialogs: dict[tuple[str, str], str] = {}
        self._invites: dict[str, str] = {}

    def __contains__(self, call: object) -> bool:
        return call in self._sessions

    def __len__(self) -> int:
        return len(self._sessions)

    @property
    def are_closed(self) -> bool:
        """Whether no call has anything left to say."""
        return all(session.phase is Phase.CLOSED for session in self._sessions.values())

    # --- how a call begins -------------------------------------------------------------------------------------------

    def dial(self, command: Dial, token: int | None) -> None:
        """Begin an outbound call."""
        target = Uri.parse(command.target)
        address = self._config.address if command.from_ is None else NameAddr.parse(command.from_)
        session = Session(
            id=command.call_id,
            direction=CallDirection.OUTBOUND,
            phase=Phase.OFFERING,
            call_id=self._ids.token(22),
            local=address.with_param("tag", self._ids.token()),
            remote=NameAddr(target),
            target=target,
            headers=command.headers,
            redirects=Redirects((target,)) if command.follow_redirects else None,
            session_expires=self._config.session_expires,
            declines_timers=self._config.delegate,
            held=command.held,
            token=token,
            in_place_of=command.in_place_of,
        )
        self._add(session)
        if command.in_place_of is not None:
            referrer = self._sessions.get(command.in_place_of)
            if referrer is None or referrer.referral is None or referrer.referral.call is not None:
                self.step(session.id, Asked(HangUp(call_id=session.id), None))
                return
            self.step(referrer.id, Followed(session.id))
        self.step(session.id, Asked(command, token))

    def replace(self, key: str, request: Request, call: str) -> None:
        """An INVITE with Replaces: begin an inbound call that is to take the place of one that there is."""
        replaced = self._replaced(request)
        if isinstance(replaced, int):
            self._layer.reply(Reply(key, replaced))
        else:
            self.ring(key, request, call, in_place_of=replaced)

    def _replaced(self, request: Request) -> str | int:
        """The call that an INVITE replaces, or the status that refuses it (RFC 3891 section 3)."""
        if len(request.headers.get_all("Replaces")) > 1 or "Join" in request.headers:
            # "If more than one Replaces header field is present in an INVITE [...] the UAS MUST reject the request
            # with a 400 Bad Request response", and so with "another header field with contradictory semantics".
            return 400
        try:
            replaces = Replaces.parse(request.headers.get("Replaces") or "")
        except ValueError:
            return 400
        session = self._sessions.get(self._dialogs.get((replaces.call_id, replaces.to_tag), ""))
        return 481 if session is None else replaceable(session, replaces)

    def ring(self, key: str, request: Request, call: str, *, in_place_of: str | None = None) -> None:
        """Begin an inbound call."""
        dialog = dialog_of_request(request, self._ids.token())
        session = Session(
            id=call,
            direction=CallDirection.INBOUND,
            phase=Phase.RINGING,
            call_id=request.call_id,
            local=dialog.local,
            remote=dialog.remote,
            target=dialog.remote_target,
            invite=request,
            invite_key=key,
            dialog=dialog,
            session_expires=self._config.session_expires,
            declines_timers=self._config.delegate,
            in_place_of=in_place_of,
        )
        self._add(session)
        self._invites[key] = call
        rings = not self._config.delegate and in_place_of is None
        self._stepped(*ring(session, request, self._moment(), say_so=rings))

    def transfer(self, command: Transfer, token: int | None) -> None:
        """Transfer a call. With a consultation, its other party is called in place of the consultation call."""
        if command.consultation is not None:
            consulted = self._sessions.get(command.consultation)
            usable = consulted is not None and not consulted.ended and consulted.phase is Phase.CONFIRMED
            dialog = consulted.dialog if consulted is not None and usable else None
            if dialog is None or command.consultation == command.call_id:
                if token is not None:
                    self._out(Settle(token, None, CallError(NO_CONSULTATION)))
                return
            replaces = str(Replaces.of_dialog(dialog))
            party = dialog.remote.uri.replace(params=Params(), headers=(("Replaces", replaces),))
            command = evolve(command, refer_to=f"<{party}>")
        self.step(command.call_id, Asked(command, token))

    def _add(self, session: Session) -> None:
        self._sessions[session.id] = session
        self._dialogs[session.call_id, session.local.tag or ""] = session.id

    # --- the way to a call -------------------------------------------------------------------------------------------

    def of_request(self, request: Request) -> str | None:
        """The call in whose dialog the request is (RFC 3261 section 12.2.2), by Call-ID and our tag."""
        return self._dialogs.get((request.call_id, request.to.tag or ""))

    def request_received(self, call: str, key: str, request: Request) -> None:
        """A request in the call's dialog."""
        self.step(call, Received(request, key))

    def cancelled(self, key: str, request: Request) -> bool:
        """The INVITE in `key` was cancelled; False if no call serves it."""
        invite = self._layer.request_of(key)
        call = self._invites.get(key) or (None if invite is None else self.of_request(invite))
        if call is None or call not in self._sessions:
            return False
        self.step(call, Cancelled(request))
        return True

    def tag_of(self, key: str) -> str | None:
        """Our tag in the dialog that the INVITE in `key` begins; one that is in a dialog has it already."""
        session = self._sessions.get(self._invites.get(key, ""))
        return None if session is None else session.local.tag

    def response_received(self, owner: Owner, response: Response) -> None:
        """A response to a request of a call."""
        self.step(owner[1], Answered(owner[2], response))

    def request_issued(self, owner: Owner, request: Request) -> None:
        """A request of a call is about to be sent."""
        if request.method == "REFER":
            self.step(owner[1], Issued(owner[2], request.cseq.number))

    def request_failed(self, owner: Owner, code: int, reason: str) -> None:
        """A request of a call is not going to be answered."""
        self.step(owner[1], Unanswered(owner[2], code, reason))

    def may_repeat(self, owner: Owner) -> bool:
        """Once a call has ended only a BYE is repeated with credentials."""
        session = self._sessions.get(owner[1])
        return session is not None and (not session.ended or owner[2] in (BYE, FORK_BYE))

    def hang_up_all(self) -> None:
        """The user leaves."""
        for call in list(self._sessions):
            self.step(call, Asked(HangUp(call_id=call, code=480), None))

    def flow_went(self, *, for_good: bool) -> None:
        """The flow is gone. For good: so are the calls."""
        code, reason = LOST
        for call in list(self._sessions):
            self.step(call, FlowFailed())
            if for_good:
                hang_up = HangUp(call_id=call, cause_code=code, cause_reason=reason, by_system=True)
                self.step(call, Asked(hang_up, None))

    # --- steps -------------------------------------------------------------------------------------------------------

    def step(self, call: str, given: SessionInput) -> None:
        """One step of a call; a call that is gone takes none."""
        session = self._sessions.get(call)
        if session is not None:
            self._stepped(*step(session, given, self._moment()))

    def _moment(self) -> Moment:
        return Moment(self._now(), self._ids.random())

    def _stepped(self, session: Session, outputs: list[SessionOutput]) -> None:
        self._sessions[session.id] = session
        for output in outputs:
            match output:
                case Issue():
                    self._layer.issue(output.draft, (CALL, session.id, output.tag))
                case CancelInvite():
                    self._layer.cancel((CALL, session.id, output.tag), (CALL, session.id, CANCEL))
                case Acknowledge():
                    self._layer.acknowledge(output.dialog, output.number)
                case Reply():
                    self._layer.reply(output, session.local.tag)
                case Repeat():
                    self._layer.repeat(output.key)
                case EndCall():
                    self.step(output.call, Asked(HangUp(call_id=output.call), None))
                case Notify(CallProgressed() | CallAnswered() | CallEnded() as event) if session.in_place_of:
                    self._out(output)
                    self.step(session.in_place_of, reached(event))
                case _:
                    self._out(output)

    def forget_closed(self) -> None:
        """A closed call stays only while its INVITE may still bring a 2xx, which wants an ACK."""
        for call, session in list(self._sessions.items()):
            if session.phase is Phase.CLOSED and not self._layer.owns_any(CALL, call):
                self._layer.forget(CALL, call, session.call_id)
                del self._sessions[call]
                self._dialogs.pop((session.call_id, session.local.tag or ""), None)
                self._invites = {key: known for key, known in self._invites.items() if known != call}
