from __future__ import annotations

import pytest

from farcall.domain import people


@pytest.mark.parametrize("word", ["admin", "public", "me", "versions", "hub", "farcall", "support", "everyone"])
def test_words_that_speak_for_the_hub_are_no_handles(word: str) -> None:
    with pytest.raises(people.BadName):
        people.handle(word)


@pytest.mark.parametrize("disguised", ["adm1n", "a_d_m_i_n", "publ1c", "r00t", "r0-ot", "farca11", "adrnin", "adm1n_"])
def test_nor_are_those_words_in_disguise(disguised: str) -> None:
    with pytest.raises(people.BadName, match="looks like"):
        people.handle(disguised)


@pytest.mark.parametrize("name", ["alice", "bob_2", "adminton", "marla", "lab", "i18n", "team-blue"])
def test_other_handles_are_as_good_as_ever(name: str) -> None:
    assert people.handle(name) == name.replace("-", "_")


def test_the_hubs_own_administrator_may_have_any_single_name() -> None:
    assert people.own_handle("admin") == "admin"
    for wrong in ("a/b", "Admin", "usage", ""):
        with pytest.raises(people.BadName):
            people.own_handle(wrong)


def test_an_address_has_one_spelling() -> None:
    assert people.email(" Bob@Lab.ORG ") == "bob@lab.org"
    assert people.email("bo\u0308b@lab.org") == people.email("b\u00f6b@lab.org")


@pytest.mark.parametrize(
    "wrong", ["bob", "@lab.org", "bob@", "a b@lab.org", "bob@lab.org\nBcc: x@y.z", "b\x00b@lab.org", "a@b@c"]
)
def test_what_is_no_address_is_refused(wrong: str) -> None:
    with pytest.raises(people.BadName, match="no e-mail address"):
        people.email(wrong)


def test_a_masked_address_is_recognised_by_its_owner_only() -> None:
    assert people.masked("bob@lab.org") == "b…@lab.org"


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("short1!", "shorter than 10"),
        ("x" * 2000, "longer than 1024"),
        ("aaaaaaaaaaaa", "different characters"),
        ("abababababab", "different characters"),
        ("my name is Bobby", "your handle"),
        ("roberta.77!!", "your e-mail address"),
        ("Password123!", "everybody tries"),
        ("passwordpassword", "everybody tries"),
        ("letmein!letmein!", "everybody tries"),
        ("zxcvbnm1234", "everybody tries"),
        ("0123456789", "row of the keyboard"),
        ("lkjihgfedcba", "of the alphabet"),
        ("qwertyuiop", "everybody tries"),
        ("abcdefghijkl", "row of the keyboard or of the alphabet"),
    ],
)
def test_a_weak_password_is_refused_with_its_reason(password: str, reason: str) -> None:
    assert reason in people.weakness(password, "bobby", "roberta.77@lab.org")


@pytest.mark.parametrize("password", ["correct horse battery", "Tr0ub4dor&3x", "плавающий кит", "9f8a7c6e5d"])
def test_a_good_password_has_no_weakness(password: str) -> None:
    assert people.weakness(password, "bob", "bo@lab.org") == ""


def test_the_same_password_from_another_keyboard_is_the_same() -> None:
    assert people.password("gru\u0308n und \ufb01n") == people.password("gr\u00fcn und fin")
