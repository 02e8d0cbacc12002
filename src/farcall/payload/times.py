"""Dates and times to plain lists and back. Times of day carry a zone's key, its offset, or neither."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from typing import Any, Final
from zoneinfo import ZoneInfo

from farcall.payload.errors import MalformedPayload

_ZONE_KEY: Final = re.compile(r"[A-Za-z0-9_+-]{1,32}(/[A-Za-z0-9_+-]{1,32}){0,3}")
_MICROSECOND: Final = timedelta(microseconds=1)


def pack_moment(moment: datetime | time) -> list[Any]:
    """[ISO text without zone, offset in microseconds or nil, key of the zone or nil, fold]."""
    zone = moment.tzinfo
    offset = moment.utcoffset()
    key = zone.key if type(zone) is ZoneInfo else None
    if zone is not None and offset is None and key is None:
        raise ValueError("its time zone has no offset")
    micros = None if offset is None else offset // _MICROSECOND
    return [moment.replace(tzinfo=None, fold=0).isoformat(), micros, key, moment.fold]


def unpack_datetime(body: Any) -> datetime:
    """The reverse of `pack_moment`; raises ValueError or MalformedPayload."""
    text, zone, fold = _parts(body)
    made = datetime.fromisoformat(text)
    _exact(made.isoformat(), text)
    return made.replace(tzinfo=zone, fold=fold)


def unpack_time(body: Any) -> time:
    """The reverse of `pack_moment`; raises ValueError or MalformedPayload."""
    text, zone, fold = _parts(body)
    made = time.fromisoformat(text)
    _exact(made.isoformat(), text)
    return made.replace(tzinfo=zone, fold=fold)


def unpack_date(text: str) -> date:
    """A date from exactly ``YYYY-MM-DD``; raises ValueError or MalformedPayload."""
    made = date.fromisoformat(text)
    _exact(made.isoformat(), text)
    return made


def unpack_timedelta(body: Any) -> timedelta:
    """A span from [days, seconds, microseconds], normalised; raises OverflowError or MalformedPayload."""
    if not isinstance(body, list) or len(body) != 3 or not all(type(part) is int for part in body):
        raise MalformedPayload("a timedelta is three integers")
    days, seconds, micros = body
    if not (0 <= seconds < 86_400 and 0 <= micros < 1_000_000):
        raise MalformedPayload("a timedelta is not normalised")
    return timedelta(days, seconds, micros)


def _exact(again: str, text: str) -> None:
    if again != text:
        raise MalformedPayload("a date or time is not in its one spelling")


def _parts(body: Any) -> tuple[str, tzinfo | None, int]:
    if not isinstance(body, list) or len(body) != 4:
        raise MalformedPayload("a date or time has four parts")
    text, offset, key, fold = body
    if not isinstance(text, str) or type(fold) is not int or fold not in (0, 1):
        raise MalformedPayload("a date or time is malformed")
    if offset is not None and type(offset) is not int:
        raise MalformedPayload("an offset is an integer")
    if key is None:
        return text, None if offset is None else timezone(timedelta(microseconds=offset)), fold
    return text, zone_of(key, None if offset is None else timedelta(microseconds=offset)), fold


def zone_of(key: object, offset: timedelta | None) -> tzinfo:
    """The zone of that key, or, where it is not known, the offset: the same instant. Raises MalformedPayload."""
    if not isinstance(key, str) or _ZONE_KEY.fullmatch(key) is None:
        raise MalformedPayload("the key of a time zone is malformed")
    try:
        return ZoneInfo(key)
    except (OSError, ValueError, KeyError, ImportError):
        if offset is None:
            raise MalformedPayload(f"the time zone {key} is not known here") from None
        return timezone(offset)
