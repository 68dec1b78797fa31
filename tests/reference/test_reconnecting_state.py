"""reconnecting-state.spec: connecting is not reconnecting."""

from jzrx import ClientState
from jzrx.testing.peer import grant
from tests.bench import Bench, told


def test_62_there_are_seven_states_each_a_string_of_its_own() -> None:
    names = "disconnected connecting connected registered reconnecting unregistered error".split()
    assert [state.value for state in ClientState] == names
    assert [str(ClientState[name.upper()]) for name in names] == names
    assert ClientState.RECONNECTING != ClientState.CONNECTING


async def test_63_the_first_connect_does_not_reconnect_and_a_drop_does(idle_bench: Bench) -> None:
    heard = told(idle_bench.client)
    await idle_bench.finish(idle_bench.client.connect())
    states = [event[1] for event in heard if event[0] == "stateChanged"]
    assert states == ["connecting", "connected", "registered"]
    idle_bench.peer.answers["REGISTER"] = ()
    idle_bench.peer.wire.drop()
    await idle_bench.pass_time(60, step=1)
    assert idle_bench.client.state == "reconnecting", "while it tries"
    idle_bench.peer.answers["REGISTER"] = lambda register: [grant(register)]
    await idle_bench.until(lambda: idle_bench.client.is_registered, 120)
    states = [event[1] for event in heard if event[0] == "stateChanged"]
    assert states[3:] == ["reconnecting", "registered"]
