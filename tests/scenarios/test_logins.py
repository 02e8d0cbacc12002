"""People make accounts, log in and out, and change passwords, at terminals and from pipes, with a real hub."""

from __future__ import annotations

import json
import os
import pty
import select
import shutil
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.post_office import PostOffice, body, post_office
from tests.scenarios.world import FARCALL, World

GOOD = "correct horse battery"
OTHER = "another fine password"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A hub that anybody may register with."""
    world = World(tmp_path_factory.mktemp("logins"), FARCALL_HUB_REGISTRATION="open")
    try:
        world.start_hub()
        yield world
    finally:
        world.close()


@pytest.fixture(autouse=True)
def logged_in_nowhere(world: World) -> None:
    shutil.rmtree(world.directory / "config", ignore_errors=True)


def run(world: World, *arguments: str, who: str = "", stdin: str = "", code: int = 0) -> str:
    done = world.farcall(*arguments, who=who, stdin=stdin)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr if code else done.stdout


def run_json(world: World, *arguments: str, **more: Any) -> Any:
    return json.loads(run(world, *arguments, "--json", **more))


def register(world: World, handle: str) -> None:
    arguments = ("register", world.url, "--handle", handle, "--email", f"{handle}@lab.org", "--password-stdin")
    assert run(world, *arguments, stdin=GOOD + "\n") == f"Logged in to {world.url} as {handle}.\n"


def at_a_terminal(world: World, *command: str, answers: list[tuple[str, str]]) -> tuple[int, str]:
    """Run a command at a terminal of its own and answer its questions; (exit code, what the terminal showed)."""
    mine, theirs = pty.openpty()
    process = subprocess.Popen(
        ["setsid", "--ctty", *command],
        cwd=world.directory,
        env=world.environment(),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    shown, place, deadline = "", 0, time.monotonic() + 30
    while time.monotonic() < deadline:
        if not select.select([mine], [], [], 0.2)[0]:
            continue
        try:
            piece = os.read(mine, 4096)
        except OSError:  # the terminal's other end is gone
            break
        if not piece:
            break
        shown += piece.decode()
        if answers and answers[0][0] in shown[place:]:
            place = len(shown)
            os.write(mine, (answers.pop(0)[1] + "\n").encode())
    os.close(mine)
    assert not answers, f"not asked for: {answers}; the terminal showed:\n{shown}"
    return process.wait(10), shown


def test_somebody_registers_at_a_terminal_and_no_password_is_shown(world: World) -> None:
    answers = [("Handle", "ada"), ("E-mail", "Ada@lab.org"), ("Password", GOOD), ("Repeat", GOOD)]
    code, shown = at_a_terminal(world, *FARCALL, "register", world.url, answers=answers)
    assert code == 0, shown
    assert f"Logged in to {world.url} as ada." in shown
    assert GOOD not in shown
    me = run_json(world, "whoami")
    assert (me["handle"], me["email"], me["confirmed"]) == ("ada", "ada@lab.org", False)
    [kept] = (world.directory / "config").rglob("logins.json")
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert GOOD not in kept.read_text()


def test_somebody_logs_in_with_a_name_and_a_password_or_a_token(world: World) -> None:
    register(world, "bea")
    for name in ("bea", "BEA@lab.org"):
        code, shown = at_a_terminal(
            world, *FARCALL, "login", world.url, answers=[("Handle or", name), ("Password", GOOD)]
        )
        assert code == 0, shown
        assert GOOD not in shown
    run(world, "login", world.url, "--name", "bea", "--password-stdin", stdin=GOOD)
    token = run(world, "token", "create", "--print-token").strip()
    code, shown = at_a_terminal(world, *FARCALL, "login", "--token", world.url, answers=[("Token", token)])
    assert code == 0, shown
    assert token not in shown
    assert "no such account" in run(
        world, "login", world.url, "--name", "bea", "--password-stdin", stdin="wrong", code=1
    )
    assert "no such account" in run(world, "login", world.url, "--name", "eve", "--password-stdin", stdin=GOOD, code=1)


def test_wrong_turns_of_registration_have_their_sentences(world: World) -> None:
    register(world, "carl")

    def refused(handle: str, email: str, password: str) -> str:
        given = ("--handle", handle, "--email", email, "--password-stdin")
        return run(world, "register", world.url, *given, stdin=password, code=1)

    assert "carl is taken" in refused("carl", "c2@lab.org", GOOD)
    assert "shorter than 10" in refused("dora", "dora@lab.org", "short")
    assert "contains your handle" in refused("dora", "dora@lab.org", "dora is my name")
    assert "looks like" in refused("adm1n", "dora@lab.org", GOOD)
    assert "no e-mail address" in refused("dora", "dora", GOOD)
    assert "an account with the address" in refused("dora", "CARL@lab.org", GOOD)
    assert "is no invitation" in run(world, "register", "--invite", "https://hub.test/x", code=1)
    assert "Say the URL" in run(world, "register", code=2)


def test_logging_out_ends_the_login_at_the_hub_too(world: World) -> None:
    register(world, "dan")
    [kept] = (world.directory / "config").rglob("logins.json")
    [token] = json.loads(kept.read_text())["tokens"].values()
    assert run(world, "logout") == f"Logged out of {world.url}.\n"
    assert token not in kept.read_text()
    assert "revoked" in run(world, "login", world.url, "--token-stdin", stdin=token, code=1)
    assert "no login" in run(world, "logout", world.url)


def test_the_first_administrators_token_outlives_a_logout(world: World) -> None:
    run(world, "login", world.url, "--token-stdin", stdin=world.tokens["admin"])
    run(world, "logout")
    assert run_json(world, "whoami", who="admin")["handle"] == "admin"


def test_a_new_password_ends_what_else_is_logged_in(world: World) -> None:
    register(world, "eva")
    [kept] = (world.directory / "config").rglob("logins.json")
    before = kept.read_text()
    run(world, "login", world.url, "--name", "eva", "--password-stdin", stdin=GOOD)
    assert "old password is wrong" in run(world, "password", "--password-stdin", stdin=f"guess\n{OTHER}\n", code=1)
    answers = [("Old", GOOD), ("Password", OTHER), ("Repeat", OTHER)]
    code, shown = at_a_terminal(world, *FARCALL, "password", answers=answers)
    assert (code, "holds" in shown, GOOD in shown, OTHER in shown) == (0, True, False, False)
    assert run_json(world, "whoami")["handle"] == "eva"
    kept.write_text(before)
    assert "revoked" in run(world, "whoami", code=1)
    run(world, "login", world.url, "--name", "eva", "--password-stdin", stdin=OTHER)


def test_guessing_is_answered_with_when_to_try_again(world: World) -> None:
    register(world, "fay")
    guess = ("login", world.url, "--name", "fay", "--password-stdin")
    for _ in range(10):
        run(world, *guess, stdin="guess", code=1)
    refused = run(world, *guess, stdin=GOOD, code=1)
    assert "Too many tries" in refused
    assert "Try again in 3" in refused


def test_administrators_see_confirm_disable_and_enable_accounts(world: World) -> None:
    register(world, "gus")
    [row] = [line for line in run(world, "account", "list", who="admin").splitlines() if line.startswith("gus")]
    assert "unconfirmed" in row
    assert "gus@lab.org is the address of gus" in run(world, "account", "confirm", "gus", who="admin")
    run(world, "account", "disable", "gus", who="admin")
    assert "disabled" in run(world, "whoami", code=1)
    refused = run(world, "login", world.url, "--name", "gus", "--password-stdin", stdin=GOOD, code=1)
    assert "The account is disabled." in refused
    assert run(world, "account", "enable", "gus", who="admin") == "gus is enabled.\n"
    [item] = [item for item in run_json(world, "account", "list", who="admin")["items"] if item["handle"] == "gus"]
    assert (item["confirmed"], item["disabled"]) == (True, False)


def test_several_hubs_are_remembered_side_by_side(world: World, tmp_path: Path) -> None:
    register(world, "hal")
    other = World(tmp_path)
    try:
        other.start_hub()
        run(world, "login", other.url, "--token-stdin", stdin=other.tokens["admin"])
        items = run_json(world, "whoami", "--all")["items"]
        assert {(item["hub"], item["handle"], item["current"]) for item in items} == {
            (world.url, "hal", False),
            (other.url, "admin", True),
        }
        other.kill_hub()
        assert "does not answer" in run(world, "whoami", "--all")
        run(world, "login", world.url, "--name", "hal", "--password-stdin", stdin=GOOD)
        assert run_json(world, "whoami")["handle"] == "hal"
    finally:
        other.close()


NOTEBOOK = """
import farcall
client = farcall.login()
print("I am", client.me()["handle"], "and so is", farcall.client.defaults.default_client().me()["handle"])
"""


def test_python_asks_for_what_it_needs_and_remembers_it(world: World) -> None:
    register(world, "ida")
    shutil.rmtree(world.directory / "config")
    answers = [("Address of the hub", world.url), ("Handle or e-mail", "ida"), ("Password", GOOD)]
    code, shown = at_a_terminal(world, sys.executable, "-c", NOTEBOOK, answers=answers)
    assert code == 0, shown
    assert "I am ida and so is ida" in shown
    assert GOOD not in shown
    token = run(world, "token", "create", "--print-token").strip()
    answers = [("Address of the hub", world.url), ("Handle or e-mail", ""), ("Token", token)]
    code, shown = at_a_terminal(world, sys.executable, "-c", NOTEBOOK, answers=answers)
    assert (code, token in shown) == (0, False), shown


def test_by_default_only_the_invited_register(tmp_path: Path) -> None:
    world = World(tmp_path)
    try:
        world.start_hub()
        given = ("--handle", "jim", "--email", "jim@lab.org", "--password-stdin")
        assert "by invitation only" in run(world, "register", world.url, *given, stdin=GOOD, code=1)
    finally:
        world.close()


def test_an_account_of_an_administrators_making_sets_its_first_password(world: World) -> None:
    run(world, "login", world.url, "--token-stdin", stdin=world.account("mia"))
    run(world, "password", "--password-stdin", stdin=f"\n{GOOD}\n")
    run(world, "login", world.url, "--name", "mia@example.org", "--password-stdin", stdin=GOOD)
    assert run_json(world, "whoami")["confirmed"] is True


def test_who_was_invited_registers_with_the_link_and_accepts(tmp_path: Path) -> None:
    world = World(tmp_path)
    try:
        world.start_hub()
        world.account("alice")
        link = run_json(world, "share", "alice/lab", "nora@lab.org", who="alice")["link"]
        given = ("--handle", "nora", "--password-stdin")
        foreign = run(world, "register", "--invite", link, *given, "--email", "eve@lab.org", stdin=GOOD, code=1)
        assert "n…@lab.org" in foreign
        said = run(world, "register", "--invite", link, *given, "--email", "nora@lab.org", stdin=GOOD)
        assert f"Logged in to {world.url} as nora." in said
        assert f"farcall accept '{link}'" in said
        run(world, "accept", link)
        assert [item["path"] for item in run_json(world, "shares")["items"]] == ["alice/lab"]
        again = run(world, "register", "--invite", link, *given, "--email", "nora@lab.org", stdin=GOOD, code=1)
        assert "accepted already" in again
    finally:
        world.close()


def test_a_link_for_a_forgotten_password_takes_a_hub_that_mails(world: World) -> None:
    refused = run(world, "password", "--forgotten", world.url, "--email", "ada@lab.org", code=1)
    assert "sends no e-mail" in refused


def test_an_address_is_proved_and_a_password_replaced_by_real_mail(tmp_path: Path) -> None:
    with post_office(tmp_path / "letters") as office:
        world = World(
            tmp_path,
            FARCALL_HUB_REGISTRATION="open",
            FARCALL_HUB_SMTP_HOST="127.0.0.1",
            FARCALL_HUB_SMTP_PORT=str(office.port),
            FARCALL_HUB_SMTP_SECURITY="none",
            FARCALL_HUB_MAIL_FROM="Farcall <farcall@hub.org>",
        )
        try:
            world.start_hub()
            given = ("register", world.url, "--password-stdin", "--email", "otto@lab.org", "--handle")
            assert "Open the link that was sent to otto@lab.org" in run(world, *given, "otto", stdin=GOOD)
            login = ("login", world.url, "--name", "otto", "--password-stdin")
            assert "register URL --again" in run(world, *login, stdin=GOOD, code=1)
            run(world, "register", world.url, "--again", "--email", "otto@lab.org")
            assert press(mailed(office, 0, f"{world.url}/confirm/")) == 404
            assert press(mailed(office, 1, f"{world.url}/confirm/")) == 200
            run(world, *login, stdin=GOOD)
            assert run_json(world, "whoami")["confirmed"] is True
            assert "Open the link that was sent to otto@lab.org" in run(world, *given, "eve", stdin=GOOD)
            assert "it has one: otto" in body(office.letter(2))
            run(world, "password", "--forgotten", world.url, "--email", "otto@lab.org")
            link = mailed(office, 3, f"{world.url}/reset/")
            assert press(link, password=OTHER, again=OTHER) == 200
            assert "revoked" in run(world, "whoami", code=1)
            assert "no such account" in run(world, *login, stdin=GOOD, code=1)
            run(world, *login, stdin=OTHER)
            assert press(link, password=GOOD, again=GOOD) == 404
        finally:
            world.close()


def mailed(office: PostOffice, number: int, begins: str) -> str:
    """The link in the letter of that number."""
    [found] = [word for word in body(office.letter(number)).split() if word.startswith(begins)]
    return found


def press(link: str, **fields: str) -> int:
    """The status that answers the button of a page."""
    request = urllib.request.Request(link, urllib.parse.urlencode(fields).encode(), method="POST")
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_no_token_and_no_password_is_logged_or_kept_by_the_hub(tmp_path: Path) -> None:
    world = World(tmp_path, FARCALL_HUB_REGISTRATION="open")
    secrets = [GOOD, OTHER, "a wrong password", "another wrong one"]
    try:
        world.start_hub()
        register(world, "kim")
        [kept] = (tmp_path / "config").rglob("logins.json")
        secrets += json.loads(kept.read_text())["tokens"].values()
        run(world, "login", world.url, "--name", "kim", "--password-stdin", stdin=GOOD)
        secrets += json.loads(kept.read_text())["tokens"].values()
        run(world, "login", world.url, "--name", "kim", "--password-stdin", stdin="a wrong password", code=1)
        run(world, "password", "--password-stdin", stdin=f"another wrong one\n{OTHER}\n", code=1)
        run(world, "password", "--password-stdin", stdin=f"{GOOD}\n{OTHER}\n")
        secrets.append(run(world, "token", "create", "--print-token").strip())
        world.account("lea")
        secrets.append(world.tokens["lea"])
        world.serve("w", str(world.write("f.py", FUNCTION)), who="lea")
        run(world, "call", "lea/double", "x=2", who="lea")
        run(world, "call", "kim/nothing", code=1)
        for body in (f'{{"name": "kim", "password": "{GOOD}", "more": 1}}', f'{{"password": "{GOOD}"', f'"{GOOD}"'):
            assert post(world, "/v1/login", body) == 400
        shown = [run(world, "token", "list"), run(world, "audit", "--json", who="admin"), run(world, "whoami")]
        world.processes["hub"].terminate()
        assert world.processes["hub"].wait(15) == 0
        assert len(set(secrets)) == 8
        held = {path: path.read_bytes() for path in (tmp_path / "hub").rglob("*") if path.is_file()}
        del held[tmp_path / "hub" / "admin-token"]
        held |= {tmp_path / name: world.log(name).encode() for name in ("hub", "w")}
        assert any(b"kim" in content for content in held.values())
        for secret in {*secrets, world.tokens["admin"]}:
            for part in (secret, secret.removeprefix("farcall_pat_")):
                assert [path for path, content in held.items() if part.encode() in content] == []
                assert not [text for text in shown if part in text]
    finally:
        world.close()


FUNCTION = """
import farcall


@farcall.function
def double(x: float) -> float:
    return 2 * x
"""


def post(world: World, path: str, body: str, headers: dict[str, str] | None = None) -> int:
    """The status that answers a body as it is."""
    more = {"Content-Type": "application/json", **(headers or {})}
    request = urllib.request.Request(world.url + path, body.encode(), more)
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_nothing_is_asked_for_where_standard_input_holds_the_password(world: World) -> None:
    said = run(world, "register", world.url, "--handle", "bea", "--password-stdin", stdin=GOOD, code=2)
    assert "With --password-stdin, say --email too." in said
    assert GOOD not in said
    assert "say --name too" in run(world, "login", world.url, "--password-stdin", stdin=GOOD, code=2)


@pytest.mark.parametrize(
    ("trusted", "seen"), [("", "127.0.0.1"), ("127.0.0.1", "192.0.2.9")], ids=["nobody", "a proxy"]
)
def test_only_a_trusted_proxy_says_for_whom_it_asks(tmp_path: Path, trusted: str, seen: str) -> None:
    world = World(tmp_path, **({"FARCALL_HUB_TRUSTED_PROXIES": trusted} if trusted else {}))
    try:
        world.start_hub()
        body = '{"name": "kim", "password": "guess"}'
        assert post(world, "/v1/login", body, {"X-Forwarded-For": "192.0.2.9"}) == 401
        [entry] = run_json(world, "audit", "--what", "login", who="admin")["items"]
        assert entry["origin"] == seen
    finally:
        world.close()
