"""SIP: values (parse and print), machines, and the shell. RFC 3261, over WebSocket RFC 7118.

The names here are the values; the machines and the shell are imported from their modules.
"""

from jzrx.sip.headers import CSeq, NameAddr, Params, Via
from jzrx.sip.message import Headers, Message, MessageError, Partial, Request, Response, parse_message
from jzrx.sip.uri import Uri

__all__ = [
    "CSeq",
    "Headers",
    "Message",
    "MessageError",
    "NameAddr",
    "Params",
    "Partial",
    "Request",
    "Response",
    "Uri",
    "Via",
    "parse_message",
]
