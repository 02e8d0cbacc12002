"""Workers by the names that their owners gave them; the store and the core know them by their boots."""

from __future__ import annotations

from farcall.hub import ports

_BOOT_LENGTH = 32


class WorkerNames:
    """Names of all workers that were ever here, kept in memory and read again when an unknown boot turns up."""

    def __init__(self, store: ports.Store) -> None:
        self._store = store
        self._names: dict[str, str] = {}

    async def name(self, boot: str) -> str:
        """The worker's name; the beginning of its boot if nothing is known of it."""
        if boot and boot not in self._names:
            for presence in await self._store.presences(include_gone=True):
                self._names[presence.boot] = presence.name
            self._names.setdefault(boot, boot[:12])
        return self._names.get(boot, "")

    async def in_text(self, text: str) -> str:
        """The text with every boot in it replaced by the worker's name."""
        for word in text.replace(",", " ").split():
            if len(word) == _BOOT_LENGTH and set(word) <= set("0123456789abcdef"):
                text = text.replace(word, await self.name(word))
        return text
