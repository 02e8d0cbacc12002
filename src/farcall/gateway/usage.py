"""Who used what, and how much they may."""

from __future__ import annotations

from datetime import UTC, date, datetime, time

from farcall.domain.limits import Limits
from farcall.gateway.exchange import Exchange, Reply, moment
from farcall.gateway.operations import Answer, Operation
from farcall.hub import ports
from farcall.hub.usage import DAY_SECONDS, Query
from farcall.wire import rest, rest_usage


async def usage(x: Exchange) -> Reply:
    asked = x.query(rest_usage.UsageQuery)
    page = await x.hub.usage.page(
        x.subject,
        Query(
            asked.role,
            tuple(part for part in asked.by.split(",") if part),
            asked.function,
            _seconds(asked.since),
            _seconds(asked.until),
            asked.limit,
            asked.cursor,
        ),
    )
    return Reply(rest.Page([_usage(row) for row in page.items], page.next))


async def get_limits(x: Exchange) -> Reply:
    return Reply(await x.hub.quotas.limits_of(x.subject, x.path("handle")))


async def put_limits(x: Exchange) -> Reply:
    return Reply(await x.hub.quotas.set_limits(x.subject, x.path("handle"), await x.asked(Limits)))


def _seconds(day: date | None) -> float | None:
    return None if day is None else datetime.combine(day, time(tzinfo=UTC)).timestamp()


def _usage(row: ports.UsageRow) -> rest_usage.Usage:
    return rest_usage.Usage(
        None if row.day is None else moment(row.day * DAY_SECONDS).date(),
        row.function,
        row.version,
        row.caller,
        row.invocations,
        row.failures,
        row.run_seconds,
        row.cpu_seconds,
        row.bytes_in,
        row.bytes_out,
    )


OPERATIONS = (
    Operation(
        "GET",
        "/v1/usage",
        "usage",
        "What you used, or what was used of yours: calls, failures, seconds, bytes.",
        usage,
        {200: Answer(rest.Page[rest_usage.Usage], "In the order of what is told apart.")},
        "usage",
        query=rest_usage.UsageQuery,
    ),
    Operation(
        "GET",
        "/v1/accounts/{handle}/limits",
        "get_limits",
        "How much an account may use. Of your own, or for administrators.",
        get_limits,
        {200: Answer(Limits, "Null: no such limit.")},
        "usage",
    ),
    Operation(
        "PUT",
        "/v1/accounts/{handle}/limits",
        "put_limits",
        "Limit an account, from its next call on. What is left out is not limited. For administrators.",
        put_limits,
        {200: Answer(Limits, "As they are now.")},
        "usage",
        body=Limits,
    ),
)
