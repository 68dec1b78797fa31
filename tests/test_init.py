"""The public names: there, documented, typed, and harmless to import."""

import builtins
import inspect
import pickle
import re

import pytest

import jzrx


def test_star_import_does_not_replace_a_builtin() -> None:
    names: dict[str, object] = {}
    exec("from jzrx import *", names)
    assert "ConnectionError" not in names
    assert jzrx.ConnectionError is not builtins.ConnectionError
    assert issubclass(jzrx.ConnectionError, builtins.ConnectionError)


def test_version_and_user_agent() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", jzrx.VERSION)
    assert f"jambonz-webrtc-{jzrx.VERSION}" == jzrx.DEFAULT_USER_AGENT


@pytest.mark.parametrize("name", [name for name in jzrx.__all__ if not name.isupper()])
def test_every_public_name_is_documented(name: str) -> None:
    public = getattr(jzrx, name)
    assert inspect.getdoc(public)
    if inspect.isclass(public) and public.__module__.startswith("jzrx"):
        undocumented = [
            member
            for member, value in vars(public).items()
            if not member.startswith("_")
            and (inspect.isfunction(value) or isinstance(value, property))
            and not inspect.getdoc(value)
        ]
        assert not undocumented


@pytest.mark.parametrize(
    "error",
    [
        jzrx.JambonzError("m"),
        jzrx.RegistrationError("m", 403),
        jzrx.CallError("m", 486, "Busy"),
        jzrx.ConnectionError("m"),
    ],
)
def test_errors_pickle(error: jzrx.JambonzError) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert vars(copy) == vars(error)
    assert str(copy) == "m"
