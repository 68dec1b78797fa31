"""A phone of React-style components in a notebook, with reacton.

    pip install jzrx reacton jupyterlab  # 'jzrx[audio]' for sound, which is that of the machine of the kernel
    jupyter lab  # and in a notebook beside examples/reacton_phone.py
    from contextlib import AsyncExitStack
    from account import account
    from reacton_phone import Phone
    stack = AsyncExitStack()
    Phone(await stack.enter_async_context(account()))

`use_observable` makes a React hook of an observable. The phone has a thread with a loop of its own, so that it goes on
while a cell runs. Its subscribers run there, and reacton may be told of a new state from any thread.
"""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

import reactivex
import reacton
import reacton.ipywidgets as w

from jzrx import JambonzError, StateObservable, use_calls, use_jambonz_client

T = TypeVar("T")


def use_observable(observable: StateObservable[T]) -> T:
    """The value of an observable. The component is rendered again when that changes, until it is gone."""
    _, render_again = reacton.use_state(observable.value)
    reacton.use_effect(lambda: observable.subscribe(render_again).dispose, [observable])
    return observable.value  # as it is now: so all that a render reads is of one moment


@reacton.component
def Phone(options: Mapping[str, Any]) -> reacton.core.Element:  # noqa: N802 - a component is named as a class
    """The whole phone. It connects when it is shown, and disconnects when it is gone."""
    phone = reacton.use_memo(lambda: use_jambonz_client(options), [])
    calls = reacton.use_memo(lambda: use_calls(phone.client), [])
    target, set_target = reacton.use_state("")
    problem, set_problem = reacton.use_state("")
    doing = reacton.use_ref(None)

    def live():
        phone.connect(background=True)
        return lambda: (calls.dispose(), phone.dispose())

    reacton.use_effect(live, [])
    account, now = use_observable(phone.snapshot), use_observable(calls.snapshot)
    actions = {
        "connect": partial(phone.connect, background=True),
        "call": lambda: calls.make_call(target),
        "answer": calls.answer,
        "decline": calls.decline,
        "hangup": calls.hangup,
        "mute": lambda: calls.current.value.toggle_mute(),
        "hold": lambda: calls.current.value.toggle_hold(),
    }

    async def do(name: str) -> None:
        """Do it, and tell why it failed."""
        set_problem("")
        try:
            await actions[name]()
        except (JambonzError, ValueError) as error:
            set_problem(str(error))

    def button(name: str) -> reacton.core.Element:
        def press() -> None:
            doing.current = asyncio.ensure_future(do(name))

        allowed = getattr(now.can, name) or getattr(now.can, f"un{name}", False)  # hold or unhold, mute or unmute
        return w.Button(description=name, disabled=not allowed, on_click=press)

    rows = [w.Label(value=f"{phone.options.username} at {phone.options.server}: {account.error or account.state}")]
    if now.incoming:
        caller = w.Label(value=f"{now.incoming[0].remote_identity} is calling")
        rows.append(w.HBox(children=[caller, button("answer"), button("decline")]))
    rows.append(w.Text(placeholder="whom to call", value=target, on_value=set_target, continuous_update=True))
    rows.append(w.HBox(children=[button(name) for name in ("connect", "call", "hangup", "mute", "hold")]))
    if now.current:
        rows.append(Talking(now.current))
    return w.VBox(children=[*rows, w.Label(value=problem)])


@reacton.component
def Talking(call) -> reacton.core.Element:  # noqa: N802
    """A line for a call, rendered again every second."""
    _, tick = reacton.use_state(0)
    reacton.use_effect(lambda: reactivex.interval(1.0).subscribe(tick).dispose, [])
    now, timer = use_observable(call.snapshot), timedelta(seconds=call.duration)
    return w.Label(value=f"{call.remote_identity}: {now.state} {timer}{' muted' * now.is_muted}")
