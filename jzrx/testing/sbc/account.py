"""What the account on the server may do, and how jambonz refuses what it may not.

The limits are looked at before anybody is challenged. A user who may not call an application, a queue or a user
directly is not refused: the call goes on along jambonz's order, to the device-calling application or nowhere.
"""

import uuid
from collections.abc import Collection, Mapping
from typing import Literal

from attrs import field, frozen
from attrs.validators import ge, optional

from jzrx.testing.sbc.auth import Refusal

__all__ = ["Account", "Grant"]

Grant = Literal["app", "queue", "user"]
"""What may be called directly: an application or a conference, a queue, another user."""

_INACTIVE = "Account exists but is inactive"


@frozen(kw_only=True)
class Account:
    """The account of an `EmbeddedSbc`; as it is made, it may do everything.

    `max_devices` may be registered at once, `max_calls` may be made at once (None: any number). `grants` names what a
    user may call directly ("app", "queue", "user"); who is not in it may call all of them.
    """

    is_active: bool = True
    is_subscribed: bool = True
    max_devices: int | None = field(default=None, validator=optional(ge(0)))
    max_calls: int | None = field(default=None, validator=optional(ge(0)))
    grants: Mapping[str, Collection[Grant]] = field(factory=dict[str, Collection[Grant]])
    sid: str = field(factory=lambda: str(uuid.uuid4()))

    def refuse_device(self, devices: int) -> Refusal | None:
        """The refusal of a REGISTER; `devices` others are registered."""
        if not self.is_active:
            return Refusal.because(403, _INACTIVE)
        if self.max_devices is not None and devices >= self.max_devices:
            return Refusal(503, "Max Devices Registered")
        return None

    def refuse_call(self, calls: int) -> Refusal | None:
        """The refusal of an INVITE; `calls` others are under way."""
        if not self.is_active:
            return Refusal.because(503, _INACTIVE)
        if not self.is_subscribed:
            return Refusal(503, "No Active Subscription")
        if self.max_calls is not None and calls >= self.max_calls:
            limit = (("X-Account-Sid", self.sid), ("X-Call-Limit", str(self.max_calls)))
            return Refusal(503, "Max Account Calls In Progress", limit)
        return None

    def may_call(self, user: str, what: Grant) -> bool:
        """Whether the user may call such a thing directly."""
        return what in self.grants.get(user, ("app", "queue", "user"))
