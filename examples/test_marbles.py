"""Marble tests of a phone, and of a stream of one's own: `pytest examples/test_marbles.py`.

The fixture `marbles` comes with jzrx. One sign is one second here; blanks only line things up.
"""

from datetime import timedelta

from reactivex import operators as ops

from jzrx.events import ReconnectScheduled


def test_registering(marbles):
    """The server grants the registration after two seconds, and the user leaves."""
    run = marbles("                    -   -R---|")
    run.state.expect("             (dcC)-R---(d|)")
    run.is_registered.expect("     F    -T---(F|)")


def test_an_incoming_call_is_answered_and_held(marbles):
    run = marbles("                    -R--I---A   ---H---h---E   --|")
    run.calls.incoming_caller.expect(" _---B---_   ------------   --|", B="Bob")
    run.calls.state.expect("           _-------(cC)---h---C---(e_)--|")
    run.calls.is_held.expect("         F--------   ---T---F----   --|")


def test_a_second_call_waits(marbles):
    """Answering the second call holds the first, which comes back when the second ends."""
    run = marbles("                    -I-A   --I--A     ---E   --h---E")
    run.calls.incoming_caller.expect(" _B-_   --C--_", B="Bob", C="Carol")
    run.calls.state.expect("           _--(cC)-----(hcC)---(eh)--C---(e_)")


def test_the_network_is_gone_for_a_night(marbles):
    """The phone tries again after 1, 2, 4, ... 30 seconds, and is back within 30 seconds of the server."""
    run = marbles("-R----X 8h O 30s -")
    assert [state for _, state in run.state][-2:] == ["reconnecting", "registered"]
    went, came_back = run.state.times[-2:]
    assert timedelta(hours=8) < timedelta(seconds=came_back - went) < timedelta(hours=8, seconds=32)
    attempts = [event for event in run.events.values if isinstance(event, ReconnectScheduled)]
    assert [event.delay for event in attempts[:7]] == [1, 2, 4, 8, 16, 30, 30]


def test_a_pipeline_on_a_phone(marbles):
    """A light that goes on when it has rung for four seconds; its debounce needs no scheduler here."""

    def has_rung_long(phone):
        return phone.calls.incoming_caller.pipe(ops.debounce(4), ops.map(bool), ops.distinct_until_changed())

    run = marbles("    -I-E----I------", watch=has_rung_long)
    run.watched.expect("-------F----T--")


def test_a_stream_of_ones_own(marbles):
    """A search field that waits until nobody has typed for 300 ms."""
    marbles.frame = 0.1
    typed = marbles.hot("-a-b-c-----d|")
    marbles.expect(typed.pipe(ops.debounce(0.3)), "--------c---(d|)")
