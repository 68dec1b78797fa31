"""docs/parity.md is complete, and true: every documented name has its row, every row its name, and nothing of ours is
left unsaid."""

import inspect
import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Any

import attrs
import pytest
from attrs import frozen
from reactivex import Observable

import jzrx
from jzrx import create_jambonz_client, media, use_call, use_jambonz_client
from jzrx.phone.emitter import Emitter
from jzrx.phone.named import CALL_EVENTS, CLIENT_EVENTS
from tests.docs.documented import DOCUMENTED
from tests.docs.failures import ROOT

PAGE = (ROOT / "docs" / "parity.md").read_text(encoding="utf-8")
ACCOUNT = {"server": "ws://localhost:8080", "username": "alice", "password": "secret"}
OURS, LEFT_OUT = "ours", "left out"


@frozen
class Row:
    documented: str
    here: str
    more: dict[str, str]


def cell(text: str) -> str:
    return re.sub(r"^`+(.*?)`+$", r"\1", text.strip().replace(r"\|", "|"))


def sections() -> Iterator[tuple[str, list[Row]]]:
    for section in re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]:
        lines = [line for line in section.splitlines() if line.startswith("|")]
        if lines and "| documented" in lines[0]:
            names, _, *rows = [[cell(text) for text in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
            yield section.splitlines()[0], [Row(row[0], row[1], dict(zip(names, row, strict=True))) for row in rows]


SECTIONS = dict(sections())
ROWS = [(title, row) for title, rows in SECTIONS.items() for row in rows]


def members(thing: object) -> set[str]:
    return {name for name in dir(thing) if not name.startswith("_")}


def fields(kind: Any) -> set[str]:
    return {field.name for field in attrs.fields(kind)}


def values(enum: type[StrEnum]) -> set[str]:
    return {member.name for member in enum}


def of_error(error: Exception) -> set[str]:
    return set(vars(error)) - {"args"}


PHONE = use_jambonz_client(ACCOUNT)
SURFACES: dict[str, set[str]] = {
    "Factories": {*jzrx.__all__, "ConnectionError"},
    "JambonzClientOptions": fields(jzrx.JambonzClientOptions),
    "JambonzClient": members(jzrx.JambonzClient),
    "JambonzClient: events": set(CLIENT_EVENTS),
    "ClientState": values(jzrx.ClientState),
    "JambonzCall": members(jzrx.JambonzCall),
    "JambonzCall: events": set(CALL_EVENTS),
    "CallState": values(jzrx.CallState),
    "CallDirection": values(jzrx.CallDirection),
    "JambonzCallOptions": fields(jzrx.JambonzCallOptions),
    "CallQualityStats": fields(jzrx.CallQualityStats),
    "CallEndCause": fields(jzrx.CallEndCause),
    "SipMessage": fields(jzrx.SipMessage),
    "useJambonzClient": members(PHONE),
    "useCall": members(use_call(PHONE.client)),
    "JambonzError": of_error(jzrx.JambonzError("")),
    "RegistrationError": of_error(jzrx.RegistrationError("")),
    "CallError": of_error(jzrx.CallError("")),
    "ConnectionError": of_error(jzrx.ConnectionError("")),
    "JambonzAudioManager": members(jzrx.JambonzAudioManager),
    "AudioDevice": fields(jzrx.AudioDevice),
    "StateObservable": members(jzrx.StateObservable) - members(Observable),
    "CallAudio": members(jzrx.CallAudio),
    "Playback": members(jzrx.Playback),
    "AudioFrame": fields(jzrx.AudioFrame) | {"to_numpy"},
    "jzrx.media": set(media.__all__),
    "Left out": set(),
}


def snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z]+)", r"_\1", name).lower()


def test_the_page_has_a_table_for_each_surface() -> None:
    assert SECTIONS.keys() == SURFACES.keys() == DOCUMENTED.keys()


@pytest.mark.parametrize("title", SURFACES)
def test_every_documented_name_has_its_row(title: str) -> None:
    told = [row.documented for row in SECTIONS[title] if row.documented != OURS]
    assert sorted(told) == sorted(DOCUMENTED[title].split()), f"docs/parity.md, {title}"


@pytest.mark.parametrize("title", SURFACES)
def test_every_name_of_ours_has_its_row(title: str) -> None:
    told = [row.here for row in SECTIONS[title] if row.here != LEFT_OUT]
    missing, stale = SURFACES[title] - set(told), set(told) - SURFACES[title]
    assert not missing, f"add to the table {title!r} of docs/parity.md, as `| ours | NAME | ...`: {sorted(missing)}"
    assert not stale, f"docs/parity.md, {title}: there is no {sorted(stale)}"
    assert len(told) == len(set(told))


@pytest.mark.parametrize(("title", "row"), [(t, r) for t, r in ROWS if r.documented != OURS and r.here != LEFT_OUT])
def test_names_are_spelled_as_python_has_it(title: str, row: Row) -> None:
    expected = {
        "Factories": row.documented if row.documented[0].isupper() else snake(row.documented),
        "ClientState": row.documented.upper(),
        "CallState": row.documented.upper(),
        "CallDirection": row.documented.upper(),
        "JambonzClient: events": row.documented,
        "JambonzCall: events": row.documented,
    }.get(title, snake(row.documented))
    assert row.here == expected or (row.documented, row.here) == ("from", "from_")


@pytest.mark.parametrize("enum", [jzrx.ClientState, jzrx.CallState, jzrx.CallDirection])
def test_enums_are_their_documented_strings(enum: type[StrEnum]) -> None:
    for row in SECTIONS[enum.__name__]:
        assert enum[row.here] == row.documented


@pytest.mark.parametrize("options", [jzrx.JambonzClientOptions, jzrx.JambonzCallOptions])
def test_the_defaults_are_those_of_the_page(options: Any) -> None:
    made = options(**(ACCOUNT if options is jzrx.JambonzClientOptions else {}))
    for row in SECTIONS[options.__name__]:
        default = row.more["default"]
        if default == "required":
            with pytest.raises(ValueError, match=f"^{row.here} "):
                options(**{**ACCOUNT, row.here: ""})
        else:
            value = getattr(made, row.here)
            if value in (jzrx.Reconnect(), jzrx.IncomingPolicy()):
                shown = f"{type(value).__name__}()"
            else:
                shown = repr(dict(value) if hasattr(value, "keys") else value)
            assert shown == default.replace("{version}", jzrx.VERSION), row.here


def test_a_call_takes_its_options_as_keywords_and_as_a_mapping() -> None:
    for method in (jzrx.JambonzClient.call, jzrx.JambonzClient.call_user, jzrx.UseCall.make_call):
        assert list(inspect.signature(method).parameters)[2:] == ["options", "fields"]


@pytest.mark.parametrize(("title", "row"), [(t, r) for t, r in ROWS if t.endswith("events")])
def test_on_accepts_every_event_in_both_spellings(title: str, row: Row) -> None:
    emitter = create_jambonz_client(ACCOUNT) if title.startswith("JambonzClient") else Emitter("a call", CALL_EVENTS)
    for name in (row.here, snake(row.here)):
        emitter.on(name, print).dispose()
        emitter.once(name, print).dispose()
        emitter.off(name, print)


@pytest.mark.parametrize("row", SECTIONS["CallQualityStats"], ids=lambda row: row.here)
def test_the_docstring_tells_the_units(row: Row) -> None:
    said = " ".join((jzrx.CallQualityStats.__doc__ or "").split())
    unit = row.more["unit"].replace("packet counters", "packet counters run since the call began")
    assert re.search(rf"\b{re.escape(unit)}", said)
    assert f"`{row.here}`" in said or row.more["unit"] == "packet counters"


@pytest.mark.parametrize(
    ("option", "unit"), [("register_expires", "seconds"), ("connect_timeout", "seconds"), ("no_answer_timeout", "(s)")]
)
def test_the_docstrings_of_the_options_tell_their_units(option: str, unit: str) -> None:
    of = jzrx.JambonzCallOptions if option == "no_answer_timeout" else jzrx.JambonzClientOptions
    assert re.search(rf"`{option}`[^.]*{re.escape(unit)}", of.__doc__ or "")


def test_monitoring_has_the_documented_interval() -> None:
    assert inspect.signature(jzrx.JambonzCall.start_quality_monitoring).parameters["interval_ms"].default == 2000


def test_what_is_left_out_is_not_there() -> None:
    for row in SECTIONS["Left out"]:
        assert row.here == LEFT_OUT
        assert row.more["difference"]
        assert not hasattr(jzrx, row.documented)
        assert not hasattr(jzrx.JambonzClient, row.documented)
