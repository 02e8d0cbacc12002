"""The audit log: what is written with a change, what is not, and who finds it."""

from __future__ import annotations

from typing import Any

from farcall.hub.ports import (
    AddAudit,
    Audited,
    AuditEntry,
    AuditFilter,
    AuditRow,
    Outcome,
    PublishVersions,
    PutGrant,
    RevokeToken,
)
from farcall.testing.contracts.desk import START, Desk, WithDesk, version_spec


def entry(desk: Desk, what: str, *, at: float = START, **fields: Any) -> AuditEntry:
    return AuditEntry(at, fields.pop("actor", desk.alice), fields.pop("who", "alice"), 1, what, **fields)


def if_done(made: AuditEntry) -> Any:
    return lambda outcome: [made] if not isinstance(outcome, Outcome) or outcome is Outcome.OK else []


async def found(desk: Desk, **narrowed: Any) -> list[AuditRow]:
    return list((await desk.store.audit(AuditFilter(**narrowed))).items)


class AuditContract(WithDesk):
    async def test_a_change_is_recorded_with_it_and_a_refused_one_is_not(self, desk: Desk) -> None:
        made = entry(desk, "share.create", path="alice/f", about=desk.bob, target="bob", origin="::1", detail={"n": 1})
        outcome = await desk.store.do(Audited(PutGrant("alice/f", desk.bob, "view", desk.alice, START), if_done(made)))
        assert isinstance(outcome, int)
        refused = Audited(RevokeToken(desk.bob, 99, START), if_done(entry(desk, "token.revoke")))
        assert await desk.store.do(refused) is Outcome.MISSING
        [row] = await found(desk)
        assert row == AuditRow(
            START, desk.alice, "alice", 1, "share.create", "alice/f", desk.bob, "bob", "::1", "ok", {"n": 1}, row.key
        )

    async def test_an_entry_may_say_what_came_of_the_change(self, desk: Desk) -> None:
        command = PublishVersions(desk.alice, [version_spec("alice/new")], START)

        def entries(outcomes: Any) -> list[AuditEntry]:
            return [entry(desk, "function.publish", path=row.name, detail={"version": row.number}) for row in outcomes]

        await desk.store.do(Audited(command, entries))
        [row] = await found(desk, what="function.publish")
        assert (row.path, row.detail) == ("alice/new", {"version": 1})

    async def test_a_change_and_its_entry_happen_together_or_not_at_all(self, desk: Desk) -> None:
        def broken(outcome: Any) -> list[AuditEntry]:
            return [entry(desk, "share.create", detail={"not JSON": object()})]

        try:
            await desk.store.do(Audited(PutGrant("alice/g", desk.bob, "view", desk.alice, START), broken))
        except Exception:
            assert not any(row.path == "alice/g" for row in await desk.store.grants_to(desk.bob))
        else:  # nothing was encoded
            assert len(await found(desk)) == 1

    async def test_entries_are_found_by_who_what_where_and_when(self, desk: Desk) -> None:
        entries = [
            entry(desk, "token.create", at=START),
            entry(desk, "token.revoke", at=START + 1, who="bob", actor=desk.bob),
            entry(desk, "tokens.other", at=START + 2, path="alice/physics"),
            entry(desk, "share.create", at=START + 3, path="alice/physics/f"),
            entry(desk, "share.delete", at=START + 4, path="alice/physics_two"),
        ]
        assert await desk.store.do(AddAudit(entries)) is Outcome.OK

        async def whats(**narrowed: Any) -> list[str]:
            return [row.what for row in await found(desk, **narrowed)]

        assert await whats() == [item.what for item in reversed(entries)]
        assert await whats(who="bob") == ["token.revoke"]
        assert await whats(what="token") == ["token.revoke", "token.create"]
        assert await whats(what="token.create") == ["token.create"]
        assert await whats(path="alice/physics") == ["share.create", "tokens.other"]
        assert await whats(path="alice") == ["share.delete", "share.create", "tokens.other"]
        assert await whats(since=START + 1, until=START + 3) == ["tokens.other", "token.revoke"]
        assert await whats(who="alice", what="share", path="alice/physics") == ["share.create"]
        assert await whats(roots=("alice/physics",)) == ["share.create", "tokens.other"]

    async def test_an_entry_concerns_who_did_it_whom_it_is_about_and_who_owns_the_handle(self, desk: Desk) -> None:
        entries = [
            entry(desk, "token.create", actor=desk.bob, who="bob"),
            entry(desk, "login", actor=None, who="bob?", about=desk.bob, outcome="unauthenticated"),
            entry(desk, "share.create", actor=desk.bob, who="bob", path="alice/f"),
            entry(desk, "share.create", actor=None, who="x", path="nobody/f"),
            entry(desk, "share.delete", path="alice/f"),
        ]
        await desk.store.do(AddAudit(entries))

        async def places(*accounts: int) -> list[int]:
            return [int(row.key) for row in reversed(await found(desk, concerns=accounts))]

        first = (await found(desk))[-1].key
        assert await places(desk.bob) == [first, first + 1, first + 2]
        assert await places(desk.alice) == [first + 2, first + 4]
        assert await places(desk.alice, desk.bob) == [first, first + 1, first + 2, first + 4]
        assert await places() == []
        narrowed = await found(desk, concerns=(desk.alice, desk.bob), what="share", who="bob")
        assert [row.key for row in narrowed] == [first + 2]

    async def test_pages_follow_each_other_without_gaps(self, desk: Desk) -> None:
        await desk.store.do(AddAudit([entry(desk, "login", path="alice/f", detail={"n": n}) for n in range(7)]))
        ways: list[dict[str, Any]] = [{}, {"who": "alice"}, {"path": "alice"}, {"concerns": (desk.alice, desk.bob)}]
        for way in ways:
            seen, cursor = [], None
            for size in (3, 3, 1):
                page = await desk.store.audit(AuditFilter(**way, limit=3, cursor=cursor))
                assert len(page.items) == size, way
                seen += [row.detail["n"] for row in page.items]
                cursor = page.next
            assert (seen, cursor) == ([6, 5, 4, 3, 2, 1, 0], None), way
