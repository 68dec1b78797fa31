"""What happened, kept: a client's events as JSON Lines that replay to the same snapshots, any observable as a diagram::

    with record(client) as recording:
        ...
    recording.save("call.jsonl")
    print(EventRecording.load("call.jsonl").marbles())

No password and no credential is ever written, drawn or shown.
"""

from jzrx.recording.events import EventRecording, Recordable, record, replay
from jzrx.recording.notation import Diagram, DiagramError, Sign, parse
from jzrx.recording.recording import Recording
from jzrx.recording.recordings import Recordings

__all__ = [
    "Diagram",
    "DiagramError",
    "EventRecording",
    "Recordable",
    "Recording",
    "Recordings",
    "Sign",
    "parse",
    "record",
    "replay",
]
