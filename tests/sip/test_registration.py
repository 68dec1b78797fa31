"""The machine of a registration, as a table, and at random: one REGISTER at a time, no timer without a binding."""

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from jzrx.sip.headers import NameAddr
from jzrx.sip.machine import CancelTimer, SetTimer
from jzrx.sip.message import Request, Response
from jzrx.sip.registration import (
    Granted,
    Lapsed,
    Refused,
    Registration,
    RegistrationOutput,
    Removed,
    SendRegister,
    Step,
    answered,
    begin,
    forget,
    remove,
    timer_fired,
    unanswered,
)
from jzrx.sip.uri import Uri
from jzrx.testing.peer import grant, request, respond

CONTACT = "<sip:c@x.invalid;transport=ws>"
REGISTER = request("REGISTER", headers=(("Contact", CONTACT), ("Expires", "300")))
NONE = Registration(
    address=NameAddr.parse("<sip:alice@example.com>;tag=1"),
    registrar=Uri.parse("sip:example.com"),
    contact=Uri.parse("sip:c@x.invalid;transport=ws"),
    call_id="r",
    expires=300,
)
ASKING = begin(NONE)[0]
LIVE = answered(ASKING, 1, grant(REGISTER), 0.0, 0.5)[0]
REFRESHING = begin(LIVE)[0]
REMOVING = remove(LIVE)[0]


def words(outputs: list[RegistrationOutput]) -> list[str]:
    found: list[str] = []
    for output in outputs:
        match output:
            case SendRegister():
                found.append(f"send {dict(output.draft.headers)['Expires']}")
            case SetTimer():
                found.append(f"set {output.key[2]} {output.delay:g}")
            case CancelTimer():
                pass
            case Granted():
                found.append("refreshed" if output.refreshed else "granted")
            case Refused():
                found.append(f"refused {output.code}{' fatal' if output.fatal else ''}")
            case Removed() | Lapsed():
                found.append(type(output).__name__.lower())
    return found


def response(status: int, *headers: tuple[str, str]) -> Response:
    return respond(REGISTER, status, headers=headers)


@pytest.mark.parametrize(
    ("step", "does"),
    [
        (begin(NONE), ["send 300", "set patience 10"]),
        (begin(LIVE), ["send 300", "set patience 10"]),
        (begin(ASKING), []),
        (remove(LIVE), ["send 0", "set patience 10"]),
        (remove(REFRESHING), []),
        (answered(ASKING, 1, grant(REGISTER), 0.0, 0.5), ["set refresh 275", "set lapse 300", "granted"]),
        (answered(REFRESHING, 2, grant(REGISTER), 275.0, 0.5), ["set refresh 275", "set lapse 300", "refreshed"]),
        (answered(ASKING, 1, response(100), 0.0, 0.5), []),
        (answered(ASKING, 0, grant(REGISTER), 0.0, 0.5), []),  # of an earlier REGISTER
        (answered(LIVE, 1, grant(REGISTER), 0.0, 0.5), []),  # answered already
        (answered(ASKING, 1, response(423, ("Min-Expires", "900")), 0.0, 0.5), ["send 900", "set patience 10"]),
        (answered(ASKING, 1, response(423, ("Min-Expires", "9")), 0.0, 0.5), ["refused 423"]),
        (answered(ASKING, 1, response(403), 0.0, 0.5), ["refused 403 fatal"]),
        (answered(ASKING, 1, response(503), 0.0, 0.5), ["refused 503"]),
        (answered(REFRESHING, 2, response(503), 275.0, 0.5), ["refused 503", "set refresh 2"]),
        (answered(REFRESHING, 2, response(503), 299.0, 0.5), ["refused 503", "set refresh 1"]),
        (answered(REFRESHING, 2, response(503, ("Retry-After", "9")), 275.0, 0.5), ["refused 503", "set refresh 9"]),
        (answered(REFRESHING, 2, response(503, ("Retry-After", "99")), 280.0, 0.5), ["refused 503", "set refresh 10"]),
        (answered(REFRESHING, 2, response(403), 275.0, 0.5), ["refused 403 fatal"]),
        (answered(REMOVING, 2, response(200), 10.0, 0.5), ["removed"]),
        (answered(REMOVING, 2, response(500), 100.0, 0.5), ["refused 500", "set refresh 2"]),
        (unanswered(ASKING, 1, 32.0), ["refused None"]),
        (unanswered(ASKING, 0, 32.0), []),
        (timer_fired(LIVE, "refresh", 275.0), ["send 300", "set patience 10"]),
        (timer_fired(REMOVING, "refresh", 275.0), []),
        (timer_fired(ASKING, "patience", 10.0), ["refused None"]),
        (timer_fired(LIVE, "lapse", 300.0), ["lapsed"]),
        (timer_fired(REMOVING, "lapse", 300.0), []),
        (timer_fired(NONE, "lapse", 300.0), []),
        (forget(LIVE), []),
    ],
)  # fmt: skip
def test_steps(step: Step, does: list[str]) -> None:
    assert words(step[1]) == does


def test_what_waits_is_asked_next() -> None:
    waiting = remove(REFRESHING)[0]
    after, outputs = answered(waiting, 2, grant(REGISTER), 275.0, 0.5)
    assert words(outputs)[-3:] == ["refreshed", "send 0", "set patience 10"]
    assert (after.busy, after.queue) == ("remove", ())


def test_a_grant_of_years_is_a_number_all_the_same() -> None:
    odd: Request = evolve(REGISTER, headers=REGISTER.headers.set("Contact", CONTACT))
    _, outputs = answered(ASKING, 1, respond(odd, 200, headers=(("Expires", "9" * 30),)), 0.0, 0.5)
    assert "granted" in words(outputs)


inputs = st.one_of(
    st.sampled_from(["begin", "remove", "forget", "unanswered", "refresh", "patience", "lapse"]),
    st.tuples(st.integers(0, 3), st.sampled_from([100, 200, 401, 403, 423, 500]), st.integers(0, 100)),
)


@given(st.lists(inputs, max_size=30))
@settings(max_examples=300)
def test_anything(given_: list[str | tuple[int, int, int]]) -> None:
    registration, timers, waiting, at = NONE, dict[str, float](), False, 0.0
    for one in given_:
        at += 1.0
        outputs: list[RegistrationOutput]
        match one:
            case "begin":
                registration, outputs = begin(registration)
            case "remove":
                registration, outputs = remove(registration)
            case "forget":
                registration, outputs = forget(registration)
            case "unanswered":
                registration, outputs = unanswered(registration, registration.serial, at)
            case str():
                if one not in timers:
                    continue
                del timers[one]
                registration, outputs = timer_fired(registration, one, at)
            case (back, status, expires):
                granted = grant(REGISTER, expires) if status == 200 else response(status, ("Min-Expires", "400"))
                registration, outputs = answered(registration, registration.serial - back, granted, at, 0.5)
        sends = 0
        for output in outputs:
            match output:
                case SetTimer():
                    assert output.delay > 0
                    timers[output.key[2]] = output.delay
                case CancelTimer():
                    timers.pop(output.key[2], None)
                case SendRegister():
                    sends += 1
                case Granted():
                    assert output.until > at
                case _:
                    pass
        assert sends <= 1
        waiting = registration.busy is not None
        assert ("patience" in timers) is waiting
        assert waiting or registration.queue == ()
        assert ("lapse" in timers) is (registration.until is not None) or waiting
    registration, outputs = forget(registration)
    for output in outputs:
        assert isinstance(output, CancelTimer)
        timers.pop(output.key[2], None)
    assert timers == {}
