from __future__ import annotations

import apsw
import apsw.ext
import pytest

from farcall.stores.sqlite.queries import Bulk, Statements, read_statements
from farcall.stores.sqlite.schema import migrations


def test_statements_are_found_by_the_names_in_their_file() -> None:
    text = "-- a comment\n\n-- name: one\nSELECT 1\n\n-- name: two\n-- why\nSELECT 2;\n"
    assert read_statements(text) == {"one": "SELECT 1", "two": "-- why\nSELECT 2;"}


def test_every_statement_of_the_package_fits_the_schema() -> None:
    connection = apsw.Connection(":memory:")
    for _, text in migrations():
        connection.execute(text)
    statements = Statements()
    fragments = {
        "add_to_usage",
        "audit_matches",
        "invocation_rows",
        "queued_rows",
        "taken",
        "usage_by",
        "usage_in_order",
    }
    names = [
        name
        for name in statements.names()
        if "ROWS" not in statements[name] and not name.endswith("_columns") and name not in fragments
    ]
    assert len(names) > 40
    for name in names:
        apsw.ext.query_info(connection, statements[name])


@pytest.mark.parametrize("name", ["settlements", "queued", "invocation"])
def test_what_is_asked_for_by_id_is_found_by_id_however_much_its_caller_has(name: str) -> None:
    connection = apsw.Connection(":memory:")
    for _, text in migrations():
        connection.execute(text)
    plan = apsw.ext.query_info(connection, Statements()[name], explain_query_plan=True).query_plan
    assert plan is not None
    steps = str(plan)
    assert "USING INDEX sqlite_autoindex_invocations_1 (id=?)" in steps
    assert "caller=?" not in steps


@pytest.mark.parametrize("count", [0, 1, 3, 4, 15, 16, 17, 64, 255, 256, 257, 1_000])
def test_a_bulk_statement_takes_any_number_of_rows_in_order(count: int) -> None:
    connection = apsw.Connection(":memory:")
    connection.execute("CREATE TABLE t (key INTEGER PRIMARY KEY, value TEXT)")
    flat = [value for n in range(count) for value in (None, f"v{n}")]
    assert Bulk("INSERT INTO t VALUES ROWS", 2).run(connection, flat) == count
    assert [value for _, value in connection.execute("SELECT * FROM t ORDER BY key")] == [f"v{n}" for n in range(count)]


def test_a_bulk_question_adds_up_its_answers() -> None:
    connection = apsw.Connection(":memory:")
    flat = list(range(600))
    text = "SELECT total(column1 >= 100), count(*) FROM (VALUES ROWS)"
    assert Bulk(text, 1).totals(connection, flat) == [500, 600]
