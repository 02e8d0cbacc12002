"""The whole story: a script becomes a function that somebody else calls, who had no account, until it is taken back.

Hub, worker, mail server and both people are processes of their own. Bob comes in through the invitation's page twice:
in a real browser, and by the plain requests that its forms make.
"""

from __future__ import annotations

import http.cookiejar
import json
import re
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.post_office import PostOffice, body, post_office
from tests.scenarios.browser import chromium
from tests.scenarios.world import FARCALL, World, wait_until

PASSWORD = "seven brown foxes jump"

PLAIN = '''
    """How fast a body is that has been falling for a while."""

    import time as clock
    from pathlib import Path

    time = 200.0
    patient = False

    while patient and not Path(__file__).with_name("bell").exists():
        clock.sleep(0.01)
    velocity = 9.81 * time
    print(f"{velocity:g} m/s")
'''
ANNOTATED = (
    PLAIN.replace("from pathlib import Path", "from pathlib import Path\n\n    import farcall")
    .replace("time = 200.0", 'time = farcall.variable(200.0, min=0, max=1000, unit="s", doc="How long it falls")')
    .replace("patient = False", 'patient = farcall.variable(False, doc="Whether to wait for the bell")')
    .replace("velocity = 9.81 * time", 'velocity = farcall.result(9.81 * time, unit="m/s", type=float)')
)

BOBS_PROGRAM = """
import json, time
import farcall
from farcall.catalog.alice.physics import free_fall

def tell(**what):
    print(json.dumps(what), flush=True)

def caught(call):
    try:
        return {"value": call()}
    except farcall.FarcallError as error:
        return {"error": type(error).__name__, "says": str(error)}

tell(velocity=free_fall("2 min"), wrong=caught(lambda: free_fall("2 kg")))
running = free_fall.submit("1 min", patient=True)
while running.status != "running":
    time.sleep(0.02)
queued = free_fall.submit("3 min")
tell(running=running.status, queued=queued.status)
input()  # meanwhile Alice takes it back
tell(next=caught(lambda: free_fall("2 min")), queued=caught(lambda: queued.result(30)))
input()  # the bell rings
tell(running=caught(lambda: running.result(30)))
"""


@dataclass
class Somebody:
    """A person with a home of their own: what they are logged in to is theirs alone."""

    world: World
    home: Path

    def environment(self) -> dict[str, str]:
        return {"HOME": str(self.home), "XDG_CONFIG_HOME": str(self.home / ".config")}

    def farcall(self, *arguments: str, stdin: str = "", code: int = 0) -> str:
        """What a command prints; on standard error, if it is meant to fail."""
        done = subprocess.run(
            [*FARCALL, *arguments],
            cwd=self.home,
            env=self.world.environment(**self.environment()),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stderr if code else done.stdout

    def items(self, *arguments: str) -> list[dict[str, Any]]:
        return list(json.loads(self.farcall(*arguments, "--json"))["items"])

    def python(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, *arguments],
            cwd=self.home,
            env=self.world.environment(**self.environment()),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


@pytest.fixture
def office(tmp_path: Path) -> Iterator[PostOffice]:
    with post_office(tmp_path / "letters") as made:
        yield made


@pytest.fixture
def world(tmp_path: Path, office: PostOffice) -> Iterator[World]:
    """A hub that anybody may register with, and that sends its letters by SMTP."""
    made = World(
        tmp_path,
        FARCALL_HUB_REGISTRATION="open",
        FARCALL_HUB_SMTP_HOST="127.0.0.1",
        FARCALL_HUB_SMTP_PORT=str(office.port),
        FARCALL_HUB_SMTP_SECURITY="none",
        FARCALL_HUB_MAIL_FROM="Farcall <farcall@hub.org>",
    )
    try:
        made.start_hub()
        yield made
    finally:
        made.close()


def somebody(world: World, name: str) -> Somebody:
    home = world.directory / name
    home.mkdir()
    return Somebody(world, home)


def link_in(office: PostOffice, number: int, kind: str) -> str:
    found = re.search(rf"http://\S+/{kind}/\S+", body(office.letter(number)))
    assert found is not None
    return found[0]


# -- two ways through the invitation's page ----------------------------------------------------------------------------


def by_browser(link: str) -> str:
    """Read the page, register as bob, accept; the command that the page then gives to log in."""
    with chromium() as browser:
        page = browser.new_context(java_script_enabled=False).new_page()
        page.goto(link)
        expect(page.get_by_role("heading", level=1)).to_have_text("alice/physics")
        expect(page.get_by_text("How fast a body is that has been falling")).to_be_visible()
        page.get_by_label("Handle", exact=True).fill("bob")
        page.get_by_label("Password", exact=True).first.fill(PASSWORD)
        page.get_by_label("The same password again").fill(PASSWORD)
        page.get_by_role("button", name="Make an account and accept").click()
        expect(page.get_by_text("You are in, bob")).to_be_visible()
        assert "from farcall.catalog.alice.physics import free_fall" in page.locator("#python").inner_text()
        return page.get_by_text("farcall login http").inner_text()


def by_plain_requests(link: str) -> str:
    """The same as `by_browser`, as the forms say it to the hub."""
    cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
    browser = urllib.request.build_opener(urllib.request.ProxyHandler({}), cookies)

    def looked(fields: dict[str, str] | None = None) -> str:
        data = urllib.parse.urlencode(fields).encode() if fields else None
        with browser.open(link, data, timeout=20) as answer:
            return unescape(answer.read().decode())

    offered = looked()
    assert "alice/physics" in offered
    assert "How fast a body is that has been falling" in offered
    key = re.search(r'name="form_key" value="([0-9a-f]+)"', offered)
    assert key is not None
    form = {"action": "register", "form_key": key[1], "handle": "bob", "password": PASSWORD, "again": PASSWORD}
    welcome = looked(form)
    assert "You are in, <strong>bob</strong>" in welcome
    assert "from farcall.catalog.alice.physics import free_fall" in welcome
    login = re.search(r"farcall login http[^\s<]+", welcome)
    assert login is not None
    return login[0]


# -- the story ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("come_in", [by_browser, by_plain_requests])
def test_bob_who_had_no_account_calls_alices_script_until_she_takes_it_back(
    world: World, office: PostOffice, come_in: Callable[[str], str]
) -> None:
    alice, bob = somebody(world, "alice"), somebody(world, "bob")

    given = ("--handle", "alice", "--email", "alice@lab.org", "--password-stdin")
    alice.farcall("register", world.url, *given, stdin=PASSWORD)
    confirmation = urllib.request.Request(link_in(office, 0, "confirm"), b"", method="POST")
    urllib.request.build_opener(urllib.request.ProxyHandler({})).open(confirmation, timeout=10).close()
    alice.farcall("login", world.url, "--name", "alice", "--password-stdin", stdin=PASSWORD)

    serve_a_script(world, alice)

    shared = alice.farcall("share", "alice/physics", "bob@lab.org")
    assert "the e-mail is sent" in shared
    assert office.letter(1)["To"] == "bob@lab.org"

    login = come_in(link_in(office, 1, "i"))
    bob.farcall(*login.split()[1:], "--name", "bob", "--password-stdin", stdin=PASSWORD)

    program = bob.python("-c", BOBS_PROGRAM)
    try:
        call_and_be_refused(world, alice, program)
    finally:
        program.kill()
        program.communicate()
    assert "or you may not know of it" in bob.farcall("call", "alice/physics/free_fall", "time=2 min", code=1)
    assert bob.items("list") == []


def serve_a_script(world: World, alice: Somebody) -> None:
    """She marks what goes in and what comes out; by itself the script does what it did before."""
    script = world.write("alice/free_fall.py", PLAIN)
    before = alice.python("free_fall.py").communicate(timeout=30)[0]
    assert before == "1962 m/s\n"
    assert "free_fall.py" in alice.farcall("serve", "free_fall.py", code=1)
    world.write("alice/free_fall.py", ANNOTATED)
    assert alice.python("free_fall.py").communicate(timeout=30)[0] == before
    options = ("--namespace", "physics", "--slots", "1")
    worker = world.start("lab", "serve", str(script), *options, **alice.environment())
    wait_until(lambda: "serving alice/physics/free_fall" in world.log("lab") or worker.poll() is not None, 30)
    assert worker.poll() is None, world.log("lab")


def call_and_be_refused(world: World, alice: Somebody, bobs: subprocess.Popen[str]) -> None:
    """Bob's program and Alice take turns."""
    called = told(bobs)
    assert called["velocity"] == 9.81 * 120
    assert called["wrong"]["error"] == "InvalidArguments"
    assert "2 kg is a mass, this parameter is in s (time)" in called["wrong"]["says"]
    assert told(bobs) == {"running": "running", "queued": "queued"}

    [used] = alice.items("usage", "--role", "owner", "--by", "function,caller")
    assert (used["function"], used["caller"], used["invocations"]) == ("alice/physics/free_fall", "bob", 1)
    assert recorded(alice) == [
        ("alice", "function.publish", "alice/physics/free_fall"),
        ("alice", "invitation.create", "alice/physics"),
        ("bob", "invitation.accept", "alice/physics"),
    ]

    assert alice.farcall("unshare", "alice/physics", "bob") == "bob may no longer use alice/physics\n"
    refused = told(bobs, go_on=True)
    assert refused["next"]["error"] == "NotFound"
    assert "or you may not know of it" in refused["next"]["says"]
    assert refused["queued"]["error"] == "InvocationCancelled"
    assert "the permission to call alice/physics/free_fall was taken back" in refused["queued"]["says"]
    assert recorded(alice)[3:] == [("alice", "share.delete", "alice/physics")]

    (world.directory / "alice" / "bell").touch()
    assert told(bobs, go_on=True) == {"running": {"value": 9.81 * 60}}  # what ran already ran to its end


def told(process: subprocess.Popen[str], *, go_on: bool = False) -> dict[str, Any]:
    """The next thing that Bob's program tells."""
    assert process.stdin is not None
    assert process.stdout is not None
    if go_on:
        process.stdin.write("\n")
        process.stdin.flush()
    line = process.stdout.readline()
    assert line.startswith("{"), line + process.stdout.read()
    return dict(json.loads(line))


def recorded(alice: Somebody) -> list[tuple[str, str, str]]:
    """What the audit log tells Alice of her namespace, oldest first."""
    entries = alice.items("audit", "--path", "alice/physics")
    return [(entry["who"], entry["what"], entry["path"]) for entry in reversed(entries)]
