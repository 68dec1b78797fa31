"""The Replaces header (RFC 3891): which dialog a new INVITE takes the place of."""

from typing import Self

from attrs import frozen

from jzrx.sip.dialog import Dialog
from jzrx.sip.params import Params

__all__ = ["Replaces"]


@frozen
class Replaces:
    """A dialog as the one sees it who is asked to replace it: `to_tag` is its own tag, `from_tag` the other side's.

    `early_only`: not once it is answered.
    """

    call_id: str
    to_tag: str
    from_tag: str
    early_only: bool = False

    @classmethod
    def parse(cls, text: str) -> Self:
        """From `CALL-ID;to-tag=TAG;from-tag=TAG;early-only`. Raises ValueError if malformed.

        "A Replaces header field MUST contain exactly one to-tag and exactly one from-tag" (section 6.1).
        """
        call_id, _, rest = text.strip(" \t").partition(";")
        call_id = call_id.rstrip(" \t")
        params = Params.parse(f";{rest}")
        names = [name.lower() for name, _ in params]
        to_tag, from_tag = params.get("to-tag"), params.get("from-tag")
        if not call_id or any(character in call_id for character in " \t,") or not to_tag or not from_tag:
            raise ValueError(f"malformed Replaces {text[:80]!r}")
        if names.count("to-tag") != 1 or names.count("from-tag") != 1:
            raise ValueError(f"Replaces with more than one tag of a kind: {text[:80]!r}")
        return cls(call_id, to_tag, from_tag, "early-only" in params)

    @classmethod
    def of_dialog(cls, dialog: Dialog) -> Self:
        """How the other side of our dialog is asked to replace it: its own tag is the `to-tag`, whoever called."""
        return cls(dialog.call_id, dialog.remote_tag, dialog.local_tag)

    def fits(self, local_tag: str, remote_tag: str) -> bool:
        """Whether these are the tags of the dialog, as its owner sees them.

        They are matched as the To and From tags of a request in that dialog would be (section 3); a tag of zero stands
        for none, as phones older than RFC 3261 have it (section 6.1).
        """
        return _same(self.to_tag, local_tag) and _same(self.from_tag, remote_tag)

    def __str__(self) -> str:
        early = ";early-only" if self.early_only else ""
        return f"{self.call_id};to-tag={self.to_tag};from-tag={self.from_tag}{early}"


def _same(asked: str, tag: str) -> bool:
    return asked == tag or (asked == "0" and tag == "")
