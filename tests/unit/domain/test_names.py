from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farcall.domain import names
from farcall.domain.names import BadName, Reference


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("alice/free_fall", Reference("alice/free_fall")),
        ("alice/physics/optics/Lens", Reference("alice/physics/optics/Lens")),
        ("al-ice/phy-sics/free-fall", Reference("al_ice/phy_sics/free_fall")),
        ("alice/f@3", Reference("alice/f", number=3)),
        ("alice/f@0123456789ab", Reference("alice/f", digest="0123456789ab")),
        ("alice/f@latest", Reference("alice/f", alias="latest")),
        ("alice/f@pre-prod", Reference("alice/f", alias="pre_prod")),
    ],
)
def test_a_full_name_is_read_with_its_version(text: str, expected: Reference) -> None:
    assert names.reference(text) == expected


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("alice", "no full name"),
        ("", "no full name"),
        ("/alice/f", "handle name"),
        ("alice//f", "empty part"),
        ("alice/f/", "empty part"),
        ("Alice/f", "handle name"),
        ("alice/Physics/f", "namespace name"),
        ("alice/_private", "function name"),
        ("alice/1f", "function name"),
        ("alice/f g", "function name"),
        ("alice/versions", "reserved"),
        ("alice/usage/f", "reserved"),
        ("alice/f@", "ends with '@'"),
        ("alice/f@0", "count from 1"),
        ("alice/f@1@2", "no version"),
        ("alice/f@0123456789a", "12 to 32 digits of a digest"),
        ("alice/f@Prod", "alias name"),
        ("alice/" + "f" * 65, "longer than 64"),
        ("a/" * 800 + "f", "longer than"),
        ("alice/" + "n/" * 9 + "f", "deeper than 8"),
        ("älice/f", "handle name"),
        ("alice/f\n", "function name"),
    ],
)
def test_what_is_no_name_is_refused_with_the_reason(text: str, complaint: str) -> None:
    with pytest.raises(BadName, match=complaint):
        names.reference(text)


def test_a_name_is_relative_to_whoever_serves_unless_it_begins_with_a_slash() -> None:
    assert names.absolute("alice", "physics/free_fall") == "alice/physics/free_fall"
    assert names.absolute("alice", "free_fall") == "alice/free_fall"
    assert names.absolute("alice", "/lab/free_fall") == "lab/free_fall"
    with pytest.raises(BadName, match="handle name"):
        names.absolute("alice", "//lab/free_fall")


def test_only_a_name_without_version_or_the_newest_moves() -> None:
    assert names.reference("alice/f").moving
    assert names.reference("alice/f@latest").moving
    assert not names.reference("alice/f@2").moving
    assert not names.reference("alice/f@prod").moving


def test_a_path_covers_itself_and_what_is_below_but_no_namesake() -> None:
    assert names.covers("alice/phys", "alice/phys")
    assert names.covers("alice/phys", "alice/phys/f")
    assert not names.covers("alice/phys", "alice/physics/f")
    assert not names.covers("alice/phys/f", "alice/phys")
    assert names.covers("", "anything/at_all")


def test_ancestors_are_every_namespace_above() -> None:
    assert names.ancestors("alice/physics/optics/lens") == ["alice", "alice/physics", "alice/physics/optics"]


@given(st.text(max_size=60))
def test_whatever_is_accepted_reads_back_as_itself(text: str) -> None:
    try:
        reference = names.reference(text)
    except BadName:
        return
    assert names.reference(str(reference)) == reference
