"""Commands about workers that are here and bytes that are referred to. They run in the writer's thread."""

from __future__ import annotations

import msgspec

from farcall.hub.ports import CollectBlobs, EndPresence, Outcome, PinBlob, PutPresence
from farcall.stores.sqlite.queries import Speaker

_encode_json = msgspec.json.encode


class PresenceCommands(Speaker):
    """Each method carries out one command and returns its outcome."""

    def put_presence(self, command: PutPresence) -> Outcome:
        versions = _encode_json(list(command.versions)).decode()
        self.one(
            "put_presence",
            command.boot,
            command.account,
            command.name,
            command.hub,
            command.slots,
            _encode_json(command.resources).decode(),
            versions,
            command.state,
            command.at,
        )
        self.one("note_seen", command.boot, command.at)
        self.one("forget_served", command.boot)
        self.one("put_served", command.boot, versions)
        return Outcome.OK

    def end_presence(self, command: EndPresence) -> Outcome:
        self.one("note_seen", command.boot, command.at)
        found = self.one("end_presence", command.boot, command.state, command.at)
        return Outcome.MISSING if found is None else Outcome.OK

    def pin_blob(self, command: PinBlob) -> Outcome:
        self.one("put_blob", command.digest, command.size)
        self.one("pin_blob", command.digest, command.account, command.expires_at)
        if command.token:
            self.one("pin_blob_for_token", command.digest, command.token, command.expires_at)
        return Outcome.OK

    def collect_blobs(self, command: CollectBlobs) -> list[str]:
        digests = [digest for (digest,) in self.all("collectable", command.now, command.limit)]
        keys = _encode_json(digests).decode()
        self.one("forget_blobs", keys)
        self.one("forget_pins", keys)
        self.one("forget_token_pins", keys)
        return digests
