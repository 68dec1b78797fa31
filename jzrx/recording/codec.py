"""Events and snapshots as JSON, and back: each field by its type, strictly; credentials never."""

import base64
import binascii
import json
import math
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from functools import cache
from typing import Any, Literal, Union, cast

import attrs

from jzrx.events import Event
from jzrx.recording.secrets import headers_without_secrets, without_secrets
from jzrx.store import ClientSnapshot
from jzrx.store.frozendict import FrozenDict

__all__ = ["CodecError", "decode_event", "decode_snapshot", "encode", "encode_event"]

_NAME = "event"  # the key of an event's class
_CLASSES: Mapping[str, type] = {kind.__name__: kind for kind in typing.get_args(Event)}


class CodecError(ValueError):
    """Something that is no recorded event or snapshot; the message names the field."""


def encode_event(event: Event) -> dict[str, Any]:
    """What `json` can write, without credentials: the name of the event and its fields, but those left as they were."""
    return {_NAME: type(event).__name__, **encode(event)}


def decode_event(data: object) -> Event:
    """The event; CodecError if it is none."""
    if not isinstance(data, dict):
        raise CodecError(f"an event is a JSON object, not {_shown(data)}")
    fields = cast(dict[str, Any], data)
    name = fields.get(_NAME)
    kind = _CLASSES.get(name) if isinstance(name, str) else None
    if kind is None:
        raise CodecError(f"there is no event {_shown(name)}; was it recorded by a newer jzrx?")
    event: Event = _decode_object(kind, {key: value for key, value in fields.items() if key != _NAME})
    return event


def decode_snapshot(data: object) -> ClientSnapshot:
    """The snapshot; CodecError if it is none."""
    snapshot: ClientSnapshot = _decode_object(ClientSnapshot, data)
    return snapshot


# --- writing ---------------------------------------------------------------------------------------------------------


def encode(value: Any) -> Any:
    """What `json` can write, without credentials."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, str):
        return without_secrets(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, tuple):
        return [encode(each) for each in cast(Sequence[Any], value)]
    if isinstance(value, FrozenDict):
        return {key: encode(each) for key, each in cast(FrozenDict[str, Any], value).items()}
    return _encode_object(value) if attrs.has(cast(Any, type(value))) else value


def _encode_object(value: Any) -> dict[str, Any]:
    parts: dict[str, Any] = {}
    for field in attrs.fields(cast(Any, type(value))):
        part, default = getattr(value, field.name), field.default
        if type(part) is not type(default) or part != default:
            parts[field.name] = encode(headers_without_secrets(part) if field.name == "headers" else part)
    return parts


# --- reading ---------------------------------------------------------------------------------------------------------


@cache
def _types_of(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _decode_object(kind: Any, data: Any) -> Any:
    if not isinstance(data, dict):
        raise CodecError(f"{kind.__name__} must be a JSON object, not {_shown(data)}")
    fields = cast(dict[str, Any], data)
    hints = _types_of(kind)
    if unknown := fields.keys() - hints.keys():
        raise CodecError(f"{kind.__name__} has no {', '.join(sorted(unknown))}; was it recorded by a newer jzrx?")
    given = {name: _decode(hints[name], value, f"{kind.__name__}.{name}") for name, value in fields.items()}
    missing = [f.name for f in attrs.fields(kind) if f.default is attrs.NOTHING and f.name not in given]
    if missing:
        raise CodecError(f"{kind.__name__} lacks {', '.join(missing)}")
    return kind(**given)


def _decode(kind: Any, data: Any, where: str) -> Any:
    if kind in _SCALARS:
        return _SCALARS[kind](data, where)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (Union, types.UnionType):
        if data is None and types.NoneType in arguments:
            return None
        (wanted,) = (each for each in arguments if each is not types.NoneType)
        return _decode(wanted, data, where)
    if origin is Literal:
        return data if isinstance(data, str) and data in arguments else _refuse(where, f"one of {arguments}", data)
    if origin is tuple:
        if not isinstance(data, list):
            _refuse(where, "a list", data)
        parts = cast(Sequence[Any], data)
        kinds = [arguments[0]] * len(parts) if arguments[-1] is Ellipsis else list(arguments)
        if len(kinds) != len(parts):
            _refuse(where, f"a list of {len(kinds)}", parts)
        return tuple(_decode(each, part, where) for each, part in zip(kinds, parts, strict=True))
    if origin is FrozenDict:
        if not isinstance(data, dict):
            _refuse(where, "a JSON object", data)
        values = cast(dict[str, Any], data)
        return FrozenDict({key: _decode(arguments[1], value, where) for key, value in values.items()})
    if attrs.has(kind):
        return _decode_object(kind, data)
    try:
        return kind(data)  # an enum
    except ValueError:
        _refuse(where, f"a {kind.__name__}", data)


def _exactly(kind: type, name: str) -> Callable[[Any, str], Any]:
    return lambda data, where: data if type(data) is kind else _refuse(where, name, data)


def _float(data: Any, where: str) -> float:
    if type(data) in (int, float):
        return float(data)
    return float(data) if data in ("nan", "inf", "-inf") else _refuse(where, "a number", data)


def _bytes(data: Any, where: str) -> bytes:
    try:
        return base64.b64decode(data, validate=True)
    except (TypeError, ValueError, binascii.Error):
        _refuse(where, "base64", data)


_SCALARS: Mapping[Any, Callable[[Any, str], Any]] = {
    str: _exactly(str, "text"),
    int: _exactly(int, "a whole number"),
    bool: _exactly(bool, "true or false"),
    float: _float,
    bytes: _bytes,
}


def _refuse(where: str, wanted: str, data: object) -> typing.NoReturn:
    raise CodecError(f"{where} must be {wanted}, not {_shown(data)}")


def _shown(data: object) -> str:
    text = json.dumps(data, default=repr)
    return text if len(text) < 60 else f"{text[:60]}…"
