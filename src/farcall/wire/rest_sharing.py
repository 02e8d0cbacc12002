"""REST bodies about the end of shares."""

from __future__ import annotations

import msgspec

from farcall.wire.rest import Question, Share


class EndShareQuery(Question, frozen=True):
    """`passed_on`: with what was passed on through the share, and what was passed on in turn."""

    passed_on: bool = False


class SharesEnded(msgspec.Struct):
    """`ended`: the share itself first. `staying`: what was passed on through it and was left."""

    ended: list[Share]
    staying: list[Share]
