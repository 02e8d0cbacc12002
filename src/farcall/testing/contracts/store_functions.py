"""Functions, versions, links, aliases, namespaces; what is listed and found."""

from __future__ import annotations

from typing import Any

from farcall.hub.ports import (
    CreateToken,
    DeleteAlias,
    DeleteFunction,
    DeleteLink,
    DeleteNamespace,
    DeleteVersion,
    Deprecate,
    FunctionRow,
    KeepDurations,
    LinkRow,
    MakeNamespace,
    MoveAlias,
    Moved,
    Outcome,
    Page,
    PublishVersions,
    PutGrant,
    PutLink,
    Removed,
    Rename,
    RollBackAlias,
)
from farcall.testing.contracts.desk import START, Desk, WithDesk, version_spec

FALL = "alice/physics/fall"


def places(page: Page) -> list[str]:
    return [hit.place for hit in page.items]


def spaces(page: Page) -> list[str]:
    return [row.path for row in page.items]


async def found(desk: Desk, path: str) -> FunctionRow:
    row = await desk.store.function(path=path)
    assert row is not None
    return row


async def epoch(desk: Desk) -> int:
    row = await desk.store.account(key=desk.bob)
    assert row is not None
    return row.access_epoch


def documented(name: str, doc: str = "", unit: str = "", parameter: str = "x", digest: bytes = b"d" * 16) -> Any:
    spec = version_spec(name, digest)
    schema = {"type": "number", "x-unit": unit} if unit else {"type": "number"}
    spec.document = {"doc": doc, "parameters": [{"name": parameter, "schema": schema}], "result": {}}
    return spec


class FunctionsContract(WithDesk):
    async def test_the_same_version_published_again_is_the_same_row(self, desk: Desk) -> None:
        spec = version_spec("alice/physics/fall")
        [same] = await desk.store.do(PublishVersions(desk.alice, [spec], START + 5))
        assert same == desk.version
        assert (same.number, same.newest, same.owner, same.owner_handle) == (1, True, desk.alice, "alice")
        assert (same.document, same.options) == (spec.document, spec.options)
        assert (same.digest, same.interface, same.implementation) == (b"d" * 16, b"i" * 16, b"m" * 16)

    async def test_versions_are_numbered_and_the_last_is_the_newest(self, desk: Desk) -> None:
        name = "alice/physics/fall"
        second, other = await desk.store.do(
            PublishVersions(desk.alice, [version_spec(name, b"2" * 16), version_spec("alice/g", b"2" * 16)], START)
        )
        assert (second.number, second.newest, other.number) == (2, True, 1)
        assert second.function == desk.version.function
        function = await desk.store.function(path=name)
        assert function is not None
        assert [(row.number, row.newest) for row in function.versions] == [(2, True), (1, False)]
        by_number = await desk.store.version(name=name, number=1)
        assert by_number is not None
        assert (by_number.version, by_number.newest) == (desk.version.version, False)
        assert await desk.store.version(name=name) == second
        assert await desk.store.version(key=second.version) == second
        assert await desk.store.version(name=name, number=3) is None
        assert await desk.store.version(name="alice/physics") is None
        assert await desk.store.function(path="alice/physics") is None

    async def test_a_function_and_a_namespace_do_not_share_a_name(self, desk: Desk) -> None:
        specs = [version_spec("alice/physics"), version_spec("alice/physics/fall/deep"), version_spec("alice/new")]
        above, below, fine = await desk.store.do(PublishVersions(desk.alice, specs, START))
        assert (above, below) == (Outcome.CONFLICT, Outcome.CONFLICT)
        assert fine.name == "alice/new"

    async def test_a_link_is_another_name_of_the_same_function(self, desk: Desk) -> None:
        link = PutLink("alice/shared/drop", desk.version.function, True, desk.alice, START)
        assert await desk.store.do(link) is Outcome.OK
        assert await desk.store.do(link) is Outcome.DUPLICATE
        pointer = PutLink("bob/tools/fall", desk.version.function, False, desk.bob, START)
        assert await desk.store.do(pointer) is Outcome.OK
        row = await found(desk, "bob/tools/fall")
        assert (row.name, row.function, row.passing) == (FALL, desk.version.function, ("alice/shared/drop",))
        assert row.links == (LinkRow("alice/shared/drop", True), LinkRow("bob/tools/fall", False))
        assert row == await desk.store.function(path=FALL) == await desk.store.function(key=row.function)
        await desk.store.do(PutGrant("alice/shared", desk.bob, "invoke", desk.alice, START))
        before = await epoch(desk)
        removed = await desk.store.do(DeleteLink("alice/shared/drop"))
        assert removed == Removed([], ["alice/shared/drop"], [desk.bob])
        assert await epoch(desk) == before + 1
        assert await desk.store.do(DeleteLink("alice/shared/drop")) is Outcome.MISSING
        assert await desk.store.function(path="alice/shared/drop") is None
        assert spaces(await desk.store.namespaces(["alice"])) == ["alice", "alice/physics"]

    async def test_a_link_takes_no_name_that_is_taken_and_lets_nobody_take_its_own(self, desk: Desk) -> None:
        async def link(path: str) -> Outcome:
            outcome: Outcome = await desk.store.do(PutLink(path, desk.version.function, True, desk.alice, START))
            return outcome

        await desk.store.do(PublishVersions(desk.alice, [version_spec("alice/g")], START))
        assert [await link(path) for path in ("alice/g", "alice/physics", "alice/g/deep")] == [Outcome.CONFLICT] * 3
        assert await link("alice/shared/fall") is Outcome.OK
        for name in ("alice/shared", "alice/shared/fall", "alice/shared/fall/deep"):
            assert await desk.store.do(PublishVersions(desk.alice, [version_spec(name)], START)) == [Outcome.CONFLICT]
        assert await desk.store.do(PutLink("alice/z", 99, True, desk.alice, START)) is Outcome.MISSING

    async def test_namespaces_are_made_implied_listed_and_vanish(self, desk: Desk) -> None:
        assert await desk.store.do(MakeNamespace("alice/empty/deep", START)) is Outcome.OK
        assert await desk.store.do(MakeNamespace("alice/empty/deep", START)) is Outcome.DUPLICATE
        assert await desk.store.do(MakeNamespace(FALL, START)) is Outcome.CONFLICT
        assert await desk.store.do(MakeNamespace(FALL + "/deep", START)) is Outcome.CONFLICT
        assert await desk.store.do(PublishVersions(desk.alice, [version_spec("alice/empty")], START)) == [
            Outcome.CONFLICT
        ]
        everything = ["alice", "alice/empty", "alice/empty/deep", "alice/physics"]
        assert spaces(await desk.store.namespaces([""])) == everything
        assert spaces(await desk.store.namespaces(["alice/empty"])) == everything[1:3]
        first = await desk.store.namespaces([""], below="alice", limit=3)
        second = await desk.store.namespaces([""], below="alice", limit=3, cursor=first.next)
        assert (spaces(first) + spaces(second), second.next) == (everything, None)
        implied, made = await desk.store.namespace("alice/empty"), await desk.store.namespace("alice/empty/deep")
        assert implied is not None
        assert made is not None
        assert (implied.made_at, made.made_at) == (None, START)
        assert await desk.store.do(DeleteNamespace("alice/empty", False, START)) is Outcome.CONFLICT
        assert await desk.store.do(DeleteNamespace("alice/empty/deep", False, START)) == Removed([], [], [])
        assert await desk.store.do(DeleteNamespace("alice/empty/deep", False, START)) is Outcome.MISSING
        assert spaces(await desk.store.namespaces([""])) == ["alice", "alice/physics"]
        assert await desk.store.do(MakeNamespace("alice/physics", START)) is Outcome.OK  # it stays when it is empty
        await desk.store.do(DeleteFunction(FALL, START))
        assert spaces(await desk.store.namespaces([""])) == ["alice", "alice/physics"]

    async def test_a_deleted_function_is_gone_and_its_records_stay(self, desk: Desk) -> None:
        [item] = await desk.accepted()
        await desk.store.do(PutLink("bob/tools/fall", desk.version.function, False, desk.bob, START))
        await desk.store.do(PutGrant(FALL, desk.bob, "invoke", desk.alice, START))
        before = await epoch(desk)
        removed = await desk.store.do(DeleteFunction(FALL, START + 5))
        assert removed == Removed([(desk.version.version, FALL)], [FALL, "bob/tools/fall"], [desk.bob])
        assert await epoch(desk) == before + 1
        assert await desk.store.grants_to(desk.bob) == []
        assert await desk.store.do(DeleteFunction(FALL, START)) is Outcome.MISSING
        for path in (FALL, "bob/tools/fall"):
            assert await desk.store.function(path=path) is None
        assert await desk.store.version(name=FALL) is None
        assert places(await desk.store.functions([""])) == places(await desk.store.functions([""], "fall")) == []
        assert spaces(await desk.store.namespaces([""])) == []
        row = await desk.store.version(key=desk.version.version)
        assert row is not None
        assert (row.name, row.deleted) == (FALL, True)
        record = await desk.store.invocation(item.id)
        assert record is not None
        assert record.function == FALL
        assert await desk.accept(desk.new(access_epoch=before + 1)) == [Outcome.MISSING]

    async def test_a_function_published_under_a_deleted_name_is_another(self, desk: Desk) -> None:
        await desk.store.do(DeleteFunction(FALL, START))
        [new] = await desk.store.do(PublishVersions(desk.alice, [version_spec(FALL)], START + 1))
        assert (new.name, new.number, new.newest, new.deleted) == (FALL, 1, True, False)
        assert new.function != desk.version.function
        assert new.version != desk.version.version
        assert places(await desk.store.functions(["alice"])) == [FALL]
        assert isinstance(await desk.store.do(DeleteFunction(FALL, START)), Removed)

    async def test_a_namespace_is_deleted_with_all_that_is_in_it(self, desk: Desk) -> None:
        await desk.store.do(PublishVersions(desk.bob, [version_spec("bob/own")], START))
        own = await found(desk, "bob/own")
        await desk.store.do(PutLink("alice/physics/lent", own.function, False, desk.alice, START))
        await desk.store.do(PutGrant("alice/physics", desk.bob, "invoke", desk.alice, START))
        assert await desk.store.do(DeleteNamespace("alice/physics", False, START)) is Outcome.CONFLICT
        removed = await desk.store.do(DeleteNamespace("alice/physics", True, START))
        assert removed == Removed([(desk.version.version, FALL)], ["alice/physics/lent", FALL], [desk.bob])
        assert (await found(desk, "bob/own")).links == ()
        assert places(await desk.store.functions([""])) == ["bob/own"]
        assert await desk.store.grants_below("alice") == []

    async def test_a_version_is_deleted_only_when_nothing_needs_it_and_its_number_is_not_used_again(
        self, desk: Desk
    ) -> None:
        function = desk.version.function
        assert await desk.store.do(DeleteVersion(desk.version.version, START)) is Outcome.CONFLICT  # the only one
        specs = [version_spec(FALL, digest * 16) for digest in (b"2", b"3")]
        second, third = await desk.store.do(PublishVersions(desk.alice, specs, START))
        await desk.store.do(MoveAlias(function, "prod", second.version, desk.alice, START))
        await desk.accepted()
        assert await desk.store.unfinished_of(desk.version.version) == 1
        for needed in (desk.version, second):
            assert await desk.store.do(DeleteVersion(needed.version, START)) is Outcome.CONFLICT
        assert await desk.store.do(DeleteVersion(third.version, START)) == Removed([(third.version, FALL)], [FALL])
        assert await desk.store.do(DeleteVersion(third.version, START)) is Outcome.MISSING
        assert [(row.number, row.newest) for row in (await found(desk, FALL)).versions] == [(2, True), (1, False)]
        [fourth] = await desk.store.do(PublishVersions(desk.alice, [version_spec(FALL, b"4" * 16)], START))
        assert fourth.number == 4
        [again] = await desk.store.do(PublishVersions(desk.alice, [version_spec(FALL, b"3" * 16)], START))
        assert (again.version, again.number, again.deleted, again.newest) == (third.version, 3, False, False)

    async def test_an_alias_moves_and_is_rolled_back_as_far_as_its_history_goes(self, desk: Desk) -> None:
        function = desk.version.function
        specs = [version_spec(FALL, digest * 16) for digest in (b"2", b"3")]
        keys = [
            desk.version.version,
            *(r.version for r in await desk.store.do(PublishVersions(desk.alice, specs, START))),
        ]

        async def move(version: int) -> Outcome:
            outcome: Outcome = await desk.store.do(MoveAlias(function, "prod", version, desk.alice, START + 1))
            return outcome

        async def means() -> int | None:
            return (await found(desk, FALL)).aliases.get("prod")

        back = RollBackAlias(function, "prod", START + 2)
        assert await desk.store.do(back) is Outcome.MISSING
        assert [await move(key) for key in (keys[0], keys[1], keys[1], keys[2], 99)] == [
            Outcome.OK,
            Outcome.OK,
            Outcome.DUPLICATE,
            Outcome.OK,
            Outcome.MISSING,
        ]
        assert await means() == keys[2]
        assert (await desk.store.do(back), await means()) == (keys[1], keys[1])
        assert (await desk.store.do(back), await means()) == (keys[0], keys[0])
        assert await desk.store.do(back) is Outcome.STALE
        moves = await desk.store.alias_moves(function)
        assert [(m.alias, m.number, m.by, m.undone_at) for m in moves] == [
            ("prod", 3, "alice", START + 2),
            ("prod", 2, "alice", START + 2),
            ("prod", 1, "alice", None),
        ]
        assert await desk.store.do(DeleteAlias(function, "prod")) is Outcome.OK
        assert await desk.store.do(DeleteAlias(function, "prod")) is Outcome.MISSING
        assert (await found(desk, FALL)).aliases == {}

    async def test_a_version_is_deprecated_with_a_message_and_keeps_how_long_it_runs(self, desk: Desk) -> None:
        version = desk.version.version
        assert await desk.store.do(Deprecate(version, "use g", START + 1)) is Outcome.OK
        await desk.store.do(KeepDurations([(version, 0.25)]))
        [row] = (await found(desk, FALL)).versions
        assert (row.deprecated, row.deprecated_at, row.typical_seconds) == ("use g", START + 1, 0.25)
        assert await desk.store.do(Deprecate(version, "", START + 2)) is Outcome.OK
        [row] = (await found(desk, FALL)).versions
        assert (row.deprecated, row.deprecated_at) == ("", None)
        assert await desk.store.do(Deprecate(99, "", START)) is Outcome.MISSING

    async def test_renaming_moves_functions_links_aliases_grants_and_limits_of_tokens(self, desk: Desk) -> None:
        function = desk.version.function
        await desk.store.do(PutLink("alice/physics/again", function, True, desk.alice, START))
        await desk.store.do(MoveAlias(function, "prod", desk.version.version, desk.alice, START))
        await desk.store.do(PutGrant("alice/physics", desk.bob, "invoke", desk.alice, START))
        await desk.store.do(PutGrant(FALL, desk.bob, "view", desk.alice, START))
        only = ("alice/physics/fall", "alice/physics2", "bob")
        await desk.store.do(CreateToken(desk.bob, b"t" * 32, "", ("invoke",), only, START, None))
        before = await epoch(desk)
        moved = await desk.store.do(Rename("alice/physics", "alice/lab/mechanics", START))
        new = "alice/lab/mechanics/fall"
        names = [(FALL, new), ("alice/physics/again", "alice/lab/mechanics/again")]
        assert moved == Moved(names, [(desk.version.version, new)], [desk.bob])
        assert await epoch(desk) == before + 1
        row = await found(desk, "alice/lab/mechanics/again")
        assert (row.name, row.function, row.aliases) == (new, function, {"prod": desk.version.version})
        assert await desk.store.function(path=FALL) is None
        grants = [(grant.path, grant.level) for grant in await desk.store.grants_to(desk.bob)]
        assert grants == [("alice/lab/mechanics", "invoke"), (new, "view")]
        [token] = await desk.store.tokens(desk.bob)
        assert token.only == (new, "alice/physics2", "bob")
        assert spaces(await desk.store.namespaces([""])) == ["alice", "alice/lab", "alice/lab/mechanics"]
        assert places(await desk.store.functions(["alice/lab"], "mechanics")) == [new]
        assert places(await desk.store.functions([""], "physics")) == []

    async def test_renaming_is_refused_where_something_has_the_name(self, desk: Desk) -> None:
        await desk.store.do(PublishVersions(desk.alice, [version_spec("alice/g")], START))
        for to in ("alice/g", "alice/g/fall", "alice/physics", FALL, FALL + "/deep"):
            assert await desk.store.do(Rename(FALL, to, START)) is Outcome.CONFLICT
        assert await desk.store.do(Rename("alice/physics", "alice/physics/deeper", START)) is Outcome.CONFLICT
        assert await desk.store.do(Rename("alice/nothing", "alice/h", START)) is Outcome.MISSING
        assert isinstance(await desk.store.do(Rename(FALL, "alice/fall", START)), Moved)
        assert spaces(await desk.store.namespaces([""])) == ["alice"]

    async def test_places_are_listed_below_roots_by_name_and_page(self, desk: Desk) -> None:
        specs = [version_spec(f"alice/{name}") for name in ("math/add", "math/add_all", "math2", "physics2/x")]
        await desk.store.do(PublishVersions(desk.alice, specs, START))
        await desk.store.do(PublishVersions(desk.bob, [version_spec("bob/f")], START))
        await desk.store.do(PublishVersions(desk.alice, [version_spec("alice/math/add", b"2" * 16)], START))
        await desk.store.do(PutLink("alice/math/fall", desk.version.function, True, desk.alice, START))
        math = ["alice/math/add", "alice/math/add_all", "alice/math/fall"]
        everything = [*math, "alice/math2", FALL, "alice/physics2/x", "bob/f"]
        assert places(await desk.store.functions([""])) == everything
        assert places(await desk.store.functions([])) == []
        assert places(await desk.store.functions(["alice/physics", "bob"])) == [FALL, "bob/f"]
        assert places(await desk.store.functions(["alice/math/add"])) == ["alice/math/add"]
        assert places(await desk.store.functions(["alice", "alice/math"], below="alice/math")) == math
        assert places(await desk.store.functions(["alice/math/add", "bob"], below="alice")) == ["alice/math/add"]
        pages, cursor = [], None
        for _ in range(4):
            page = await desk.store.functions(["alice", "bob"], limit=2, cursor=cursor)
            pages += places(page)
            cursor = page.next
        assert (pages, cursor) == (everything, None)
        [linked] = (await desk.store.functions(["alice/math/fall"])).items
        assert (linked.place, linked.row.name, linked.row.number) == ("alice/math/fall", FALL, 1)

    async def test_what_is_searched_is_found_in_names_interfaces_and_prose_best_first(self, desk: Desk) -> None:
        specs = [
            documented("alice/lab/notes", "Nothing about a drop of rain."),
            documented("alice/lab/rain", "Wetness.", parameter="drop_size"),
            documented("alice/drop/height", "", unit="m/s"),
            documented("alice/lab/drop_tower", "Free fall in Bremen, Gr\u00f6\u00dfe 146 m."),
            documented("alice/lab/drop", "Let go."),
        ]
        await desk.store.do(PublishVersions(desk.alice, specs, START))
        names = [spec.name for spec in reversed(specs)]

        async def search(text: str, **scope: Any) -> list[str]:
            return places(await desk.store.functions(scope.pop("roots", [""]), text, **scope))

        assert await search("drop") == names
        assert await search("DROP of") == ["alice/lab/notes"]
        assert await search("dro") == ["alice/lab/drop_tower", "alice/lab/drop", *names[2:]]
        assert await search("droptower") == ["alice/lab/drop_tower"]
        assert await search("m/s") == ["alice/drop/height"]
        assert await search("GROSSE") == await search("gr\u00f6\u00df") == ["alice/lab/drop_tower"]
        assert await search("gro\u0308sse 146") == ["alice/lab/drop_tower"]
        assert await search("drop", roots=["alice/drop", "bob"]) == ["alice/drop/height"]
        assert await search("drop", below="alice/lab") == [name for name in names if name != "alice/drop/height"]
        assert await search("drop", roots=["alice/drop"], below="alice/lab") == []
        pages, cursor = [], None
        for _ in range(3):
            page = await desk.store.functions([""], "drop", limit=2, cursor=cursor)
            pages += places(page)
            cursor = page.next
            again = documented(f"alice/late/drop{len(pages)}", digest=b"9" * 16)
            await desk.store.do(PublishVersions(desk.alice, [again], START))  # what comes later repeats nothing
        assert [name for name in pages if "late" not in name] == names
        assert len(set(pages)) == len(pages)

    async def test_a_newer_version_replaces_what_a_function_is_found_by(self, desk: Desk) -> None:
        await desk.store.do(PublishVersions(desk.alice, [documented(FALL, "velocity", digest=b"2" * 16)], START))
        await desk.store.do(PublishVersions(desk.alice, [documented(FALL, "height", digest=b"3" * 16)], START))
        assert places(await desk.store.functions([""], "velocity")) == []
        assert places(await desk.store.functions([""], "height")) == [FALL]
        await desk.store.do(DeleteVersion((await found(desk, FALL)).versions[0].version, START))
        assert places(await desk.store.functions([""], "velocity")) == [FALL]

    async def test_a_link_that_passes_rights_on_brings_a_function_into_scope_and_a_pointer_does_not(
        self, desk: Desk
    ) -> None:
        await desk.store.do(PutLink("alice/shared/f", desk.version.function, True, desk.alice, START))
        await desk.store.do(PutLink("bob/tools/f", desk.version.function, False, desk.bob, START))
        assert places(await desk.store.functions(["alice/shared"], "fall")) == [FALL]
        assert places(await desk.store.functions(["bob"], "fall")) == []
        assert places(await desk.store.functions([""], "fall", below="bob/tools")) == [FALL]

    async def test_no_text_breaks_a_search(self, desk: Desk) -> None:
        hostile = [
            *('"', "'", "*", "fall*", "^fall", "(", "))", "-", "--", ";", "%", "_", "{a b}:c", "title:fall"),
            *(
                "NEAR(",
                "NEAR(fall physics, 2)",
                "AND",
                "fall OR",
                "NOT fall",
                "' OR 1=1 --",
                "fall" * 2_500,
                "x " * 5_000,
            ),
            *("\0", "fa\0ll", "\ud800", "\u200b", "\u4e2d\u6587", "\U0001f600"),
        ]
        for text in hostile:
            assert len(places(await desk.store.functions([""], text))) <= 1
        assert places(await desk.store.functions([""], "fall*")) == [FALL]
        assert places(await desk.store.functions([""], "***")) == []
