"""What an embedded SBC may be made with."""

from collections.abc import Mapping

__all__ = ["check"]

MESSAGES = ("relay", "refuse")
REFERS = ("relay", "refuse", "hook")


def check(users: Mapping[str, str], messages: str, refer: str, port: int | None) -> None:
    """Raise ValueError for users or options that cannot be."""
    wanted = 'users must be a mapping of names to passwords, none of them empty, such as {"alice": "secret"}'
    if not isinstance(users, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ValueError(wanted)
    for name, password in users.items():
        if not name or not password or not isinstance(name, str) or not isinstance(password, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ValueError(wanted)
    for option, value, known in (("messages", messages, MESSAGES), ("refer", refer, REFERS)):
        if value not in known:
            raise ValueError(f"{option} must be {' or '.join(map(repr, known))}, not {value!r}")
    if port is not None and (not isinstance(port, int) or not 1 <= port <= 65535):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ValueError(f"port must be 1 to 65535, or None for a free one, not {port!r}")
