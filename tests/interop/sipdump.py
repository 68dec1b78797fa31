"""Reads what Kamailio's sipdump module wrote: every SIP message that came or went, those on TLS in the clear."""

from pathlib import Path
from typing import Literal

from attrs import frozen

# The fences of one record, see sipdump_data_print() in Kamailio's src/modules/sipdump/sipdump_write.c.
_BEGIN = b"====================\n"
_TEXT = b"~~~~~~~~~~~~~~~~~~~~\n"
_END = b"||||||||||||||||||||\n"


@frozen
class DumpedMessage:
    """One SIP message as it crossed the server's edge.

    `direction` is the server's view: "rcv" came in, "snd" went out. `source` and `destination` are (address, port).
    `protocol` is "ws", "wss", "udp"; Kamailio says "ws" of a request that it relays to wss.
    """

    direction: Literal["rcv", "snd"]
    protocol: str
    source: tuple[str, int]
    destination: tuple[str, int]
    time: float
    text: str

    @property
    def start_line(self) -> str:
        """The request line or status line."""
        return self.text.partition("\r\n")[0]

    @property
    def method(self) -> str:
        """The method, of a response that of its CSeq."""
        return self.header("CSeq").split()[-1] if self.status else self.start_line.split(" ")[0]

    @property
    def status(self) -> int | None:
        """The status code of a response, None for a request."""
        return int(self.start_line.split(" ")[1]) if self.start_line.startswith("SIP/2.0 ") else None

    @property
    def body(self) -> str:
        """What follows the empty line."""
        return self.text.partition("\r\n\r\n")[2]

    def headers(self, name: str) -> tuple[str, ...]:
        """The values of all header fields of this full name, in order; no folding, no compact names."""
        lines = self.text.partition("\r\n\r\n")[0].split("\r\n")[1:]
        fields = (line.partition(":") for line in lines)
        return tuple(value.strip() for field, _, value in fields if field.strip().lower() == name.lower())

    def header(self, name: str) -> str:
        """The value of the first header field of this full name, or "" if there is none."""
        return next(iter(self.headers(name)), "")


class SipDump:
    """The messages dumped below `directory`, read as the files grow; a directory per start of the server."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._read: dict[Path, int] = {}
        self._messages: list[DumpedMessage] = []
        self._http: list[DumpedMessage] = []

    def messages(self) -> tuple[DumpedMessage, ...]:
        """All SIP messages so far, oldest first."""
        self._read_on()
        return tuple(self._messages)

    def seen(self, text: str) -> bool:
        """Whether an HTTP request with this text was written: the module dumps those too."""
        self._read_on()
        return any(text in request.text for request in self._http)

    def _read_on(self) -> None:
        for path in sorted(self._directory.glob("*/*.data")):
            start = self._read.get(path, 0)
            with path.open("rb") as file:
                file.seek(start)
                whole, end, _ = file.read().rpartition(_END)
            self._read[path] = start + len(whole) + len(end)
            for message in map(_message, filter(None, (whole + end).split(_BEGIN))):
                (self._http if message.start_line.endswith(" HTTP/1.1") else self._messages).append(message)


def _message(record: bytes) -> DumpedMessage:
    head, _, text = record.partition(_TEXT)
    fields = dict(line.split(": ", 1) for line in head.decode("ascii").splitlines())
    return DumpedMessage(
        direction="rcv" if fields["tag"] == "rcv" else "snd",
        protocol=fields["proto"].split()[0],
        source=(fields["srcip"], int(fields["srcport"])),
        destination=(fields["dstip"], int(fields["dstport"])),
        time=float(fields["time"]),
        text=text.removesuffix(_END).decode("utf-8", "surrogateescape"),
    )
