"""Exceptions as values: bounded, without our frames, without source, whatever user code does."""

from __future__ import annotations

from farcall.guest.failures import message_of, shown_path, traceback_of, type_name


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("never")


def raised(error: BaseException, cause: BaseException | None = None) -> BaseException:
    try:
        raise error from cause
    except BaseException as caught:
        return caught


def test_built_in_types_have_their_bare_name_and_others_their_module() -> None:
    assert type_name(ValueError()) == "ValueError"
    assert type_name(Unprintable()).endswith("test_failures.Unprintable")


def test_a_message_that_cannot_be_read_is_said_to_be_so() -> None:
    assert message_of(Unprintable()) == "(its message can't be read)"
    assert "Unprintable: (its message can't be read)" in traceback_of(raised(Unprintable()))


def test_a_huge_message_is_cut_in_the_middle() -> None:
    text = message_of(ValueError("a" * 100_000 + "end"))
    assert len(text) < 9000
    assert text.endswith("end")
    assert "characters left out" in text


def test_causes_come_first_and_say_so() -> None:
    text = traceback_of(raised(ValueError("outer"), raised(KeyError("inner"))))
    assert text.index("KeyError: 'inner'") < text.index("direct cause") < text.index("ValueError: outer")


def test_a_circle_of_causes_ends() -> None:
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first
    assert traceback_of(first).count("ValueError: first") == 1


def test_a_deep_recursion_is_cut() -> None:
    def deeper(n: int) -> int:
        return deeper(n + 1)

    try:
        deeper(0)
    except RecursionError as error:
        text = traceback_of(error)
    assert "frames left out" in text
    assert len(text) < 40_000


def test_members_of_a_group_and_notes_are_shown() -> None:
    error = ExceptionGroup("several", [ValueError("one"), KeyError("two")])
    error.add_note("by the way")
    text = traceback_of(raised(error))
    assert "by the way" in text
    assert "| ValueError: one" in text


def test_paths_do_not_tell_where_on_the_machine_a_file_lies() -> None:
    assert shown_path("/nowhere/secret/project/file.py") == "file.py"
    assert not shown_path(__file__).startswith("/")
    assert shown_path(traceback_of.__code__.co_filename).endswith("farcall/guest/failures.py")
