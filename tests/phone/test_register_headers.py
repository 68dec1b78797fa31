"""`register_headers`: on each REGISTER, and on nothing else."""

from jzrx.sip.message import Request
from tests.bench import Bench, inbound, outbound

SITE = "X-Site"


async def test_they_go_out_on_each_register_and_on_nothing_else() -> None:
    given = {SITE: "desk 7"}
    bench = Bench(register_headers=given)
    given[SITE] = "desk 8"  # what was given stays as it was given
    given["X-Late"] = "1"
    await bench.connected()
    call = await outbound(bench, headers={"X-Mine": "1"})
    await bench.finish(call.hold())
    await bench.finish(call.send_info("x"))
    await bench.finish(bench.client.send_message("bob", "hello"))
    (await inbound(bench)).hangup()
    await bench.until(lambda: bench.sent("OPTIONS"), 60)
    await bench.pass_time(300, step=1)  # a refresh
    bench.peer.wire.drop()
    await bench.until(lambda: bench.client.state == "registered")
    await bench.finish(call.hangup())
    await bench.finish(bench.client.unregister())
    await bench.finish(bench.client.register())
    await bench.close()

    requests = [message for message in bench.peer.received if isinstance(message, Request)]
    registers = [request for request in requests if request.method == "REGISTER"]
    assert len(registers) >= 6
    assert all(register.headers.get_all(SITE) == ("desk 7",) for register in registers)
    assert not any("X-Late" in request.headers for request in requests)
    others = [message for message in bench.peer.received if message not in registers]
    assert {"INVITE", "INFO", "MESSAGE", "OPTIONS", "BYE"} <= {message.method for message in requests}
    assert not any(SITE in message.headers for message in others)
    # The call's own INVITE, the hold, and the ICE restart over the new connection.
    assert [request.headers.get("X-Mine") for request in bench.sent("INVITE")] == ["1", None, None]
