"""What a command presumes, looked at where it cannot change any more: in the writer's transaction."""

from __future__ import annotations

from farcall.domain.names import handle_of
from farcall.hub.ports import BOUND_MEMORY_SECONDS, CreateGroup, CreateToken, MakeNamespace, PutGrant, PutInvitation
from farcall.stores.sqlite.queries import Speaker


class Guards(Speaker):
    """Answers for commands that carry a bound, or the epoch at which the right to give them was checked."""

    def access_changed(self, account: int, epoch: int | None) -> bool:
        """Whether the account may do something else by now than it might at that epoch."""
        return epoch is not None and self.one("access_of", account) != (epoch, 0)

    def token_ended(self, key: int) -> bool:
        """Whether the token with this key was revoked; 0 is none."""
        return key != 0 and self.one("token_is_good", key) is None

    def token_fits(self, command: CreateToken) -> bool:
        """Whether the account may have one more."""
        since = command.at - BOUND_MEMORY_SECONDS
        return command.at_most is None or self.one("tokens_held", command.account, since) < command.at_most

    def group_fits(self, command: CreateGroup) -> bool:
        """Whether `by` may make one more."""
        since = command.at - BOUND_MEMORY_SECONDS
        return command.at_most is None or self.one("groups_made", command.by, since) < command.at_most

    def grant_fits(self, command: PutGrant) -> bool:
        """Whether `by` may give it."""
        if command.at_most is None or self.one("gives_already", command.path, command.grantee, command.by):
            return True
        return bool(self.one("shares_given", command.by, command.at) < command.at_most)

    def invitation_fits(self, command: PutInvitation) -> bool:
        """Whether `by` may give it."""
        same = command.email, command.path, command.group, command.by
        if command.at_most is None or self.one("invites_already", *same):
            return True
        return bool(self.one("shares_given", command.by, command.at) < command.at_most)

    def namespace_fits(self, command: MakeNamespace) -> bool:
        """Whether one more may be made below its handle."""
        return command.at_most is None or self.one("namespaces_made", handle_of(command.path)) < command.at_most

    def functions_left(self, path: str, at: float, at_most: int | None) -> float:
        """How many more functions and links may be below the handle of a path."""
        if at_most is None:
            return float("inf")
        return float(at_most - self.one("functions_held", handle_of(path), at - BOUND_MEMORY_SECONDS))

    def version_fits(self, function: int, at: float, at_most: int | None) -> bool:
        """Whether the function may have one more version."""
        return at_most is None or self.one("versions_held", function, at - BOUND_MEMORY_SECONDS) < at_most
