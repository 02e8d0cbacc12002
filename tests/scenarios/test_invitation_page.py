"""Sharing with an address that has no account: real hub, worker, mail server and browser."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.post_office import PASSWORD as MAIL_PASSWORD
from tests.post_office import USER as MAIL_USER
from tests.post_office import PostOffice, body, post_office
from tests.scenarios.browser import chromium
from tests.scenarios.world import World, wait_until

PASSWORD = "seven brown foxes jump"
SOURCE = '''
    from pathlib import Path
    import time as clock
    from typing import Annotated
    import farcall

    HERE = Path(__file__).parent

    @farcall.function(namespace="physics")
    def free_fall(
        time: Annotated[float, farcall.Unit("s"), farcall.Range(0, 1000), farcall.Doc("How long it has been falling.")],
    ) -> Annotated[float, farcall.Unit("m/s")]:
        """Velocity of a body after falling for `time`."""
        return 9.81 * time

    @farcall.function(namespace="physics")
    def hold(label: str) -> str:
        (HERE / f"{label}.started").touch()
        while not (HERE / label).exists():
            clock.sleep(0.01)
        return label
'''


@pytest.fixture
def office(tmp_path: Path) -> Iterator[PostOffice]:
    with post_office(tmp_path / "letters", "asks-for-login") as made:
        yield made


@pytest.fixture
def world(tmp_path: Path, office: PostOffice) -> Iterator[World]:
    made = World(
        tmp_path,
        FARCALL_HUB_SMTP_HOST="127.0.0.1",
        FARCALL_HUB_SMTP_PORT=str(office.port),
        FARCALL_HUB_SMTP_SECURITY="none",
        FARCALL_HUB_SMTP_USER=MAIL_USER,
        FARCALL_HUB_SMTP_PASSWORD=MAIL_PASSWORD,
        FARCALL_HUB_MAIL_FROM="Farcall <farcall@hub.org>",
    )
    try:
        made.start_hub()
        made.account("alice")
        made.write("fall.py", SOURCE)
        made.serve("lab", "fall.py")
        yield made
    finally:
        made.close()


@pytest.fixture
def context() -> Iterator[BrowserContext]:
    with chromium() as browser:
        yield browser.new_context(java_script_enabled=False)


def share(world: World, who: str, *options: str) -> str:
    done = world.farcall("share", "alice/physics", who, *options, who="alice")
    assert done.returncode == 0, done.stderr
    return done.stdout


def link_in(office: PostOffice, number: int = 0) -> str:
    found = re.search(r"http://\S+/i/\S+", body(office.letter(number)))
    assert found is not None
    return found[0]


def register(page: Page, handle: str) -> None:
    page.get_by_label("Handle", exact=True).fill(handle)
    page.get_by_label("Password", exact=True).first.fill(PASSWORD)
    page.get_by_label("The same password again").fill(PASSWORD)
    page.get_by_role("button", name="Make an account and accept").click()


def python(world: World, text: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", text],
        cwd=world.directory,
        env=world.environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_bob_gets_a_letter_registers_in_a_browser_and_calls_until_alice_takes_it_back(
    world: World, office: PostOffice, context: BrowserContext
) -> None:
    said = share(world, "bob@lab.org", "--expires", "30d")
    assert "bob@lab.org is invited to invoke alice/physics until" in said
    assert "the e-mail is sent" in said
    letter = office.letter()
    assert (letter["To"], letter["Subject"]) == ("bob@lab.org", "alice shares alice/physics with you")
    assert "Velocity of a body after falling" in body(letter)

    page = context.new_page()
    page.goto(link_in(office))
    expect(page.get_by_role("heading", level=1)).to_have_text("alice/physics")
    expect(page.get_by_text("Velocity of a body after falling")).to_be_visible()
    register(page, "bob")
    expect(page.get_by_text("You are in, bob")).to_be_visible()
    lines = page.locator("#python").inner_text()
    login = page.get_by_text("farcall login http").inner_text()

    done = world.farcall(*login.split()[1:], "--name", "bob", "--password-stdin", stdin=PASSWORD + "\n")
    assert done.returncode == 0, done.stderr
    called = python(world, lines.replace("free_fall(time=1.0)", "print(free_fall(time=2.0))"))
    assert called.stdout.rstrip().endswith("19.62"), called.stdout + called.stderr
    held = world.farcall("call", "alice/physics/hold", "label=one", "--submit")
    assert held.returncode == 0, held.stderr
    wait_until((world.directory / "one.started").exists, what="one runs")
    queued = world.farcall("call", "alice/physics/hold", "label=two", "--submit", "--json")
    identifier = json.loads(queued.stdout)["id"]

    taken = world.farcall("unshare", "alice/physics", "bob", who="alice")
    assert taken.stdout == "bob may no longer use alice/physics\n", taken.stderr
    refused = world.farcall("call", "alice/physics/free_fall", "time=2")
    assert refused.returncode == 1
    assert "There is no alice/physics/free_fall, or you may not know of it." in refused.stderr
    ended = wait_until(
        lambda: (done := world.farcall("result", identifier)).returncode == 1 and done.stderr, what="two is cancelled"
    )
    assert "the permission to call alice/physics/hold was taken back" in ended
    (world.directory / "one").touch()
    page.reload()
    expect(page.get_by_text("You have accepted the invitation, and what it gave has ended")).to_be_visible()

    secret = link_in(office).rpartition("/")[2].encode()
    for file in [*(world.directory / "hub").rglob("*"), world.directory / "hub.log"]:
        if file.is_file():
            assert secret not in file.read_bytes(), f"{file} holds the secret of the link"
            assert MAIL_PASSWORD.encode() not in file.read_bytes(), f"{file} holds the mail server's password"


def test_the_page_can_be_used_with_the_keyboard_and_reads_well_on_a_phone(
    world: World, office: PostOffice, context: BrowserContext
) -> None:
    share(world, "bob@lab.org")
    page = context.new_page()
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(link_in(office))
    box = page.locator("body").bounding_box()
    assert box is not None
    assert box["width"] <= 360
    assert page.locator("html").evaluate("element => element.scrollWidth") <= 360
    for field in page.locator("input:not([type=hidden])").all():
        assert field.evaluate("element => element.labels.length") == 1
    page.get_by_label("Handle", exact=True).focus()
    for typed in ("bob", PASSWORD, PASSWORD):
        page.keyboard.press("Control+A")
        page.keyboard.type(typed)
        page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Make an account and accept")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_text("You are in, bob")).to_be_visible()


def test_somebody_elses_invitation_is_refused_and_a_declined_one_is_over(
    world: World, office: PostOffice, context: BrowserContext
) -> None:
    share(world, "bob@lab.org")
    share(world, "dora@lab.org")
    page = context.new_page()
    page.goto(link_in(office, 0))
    register(page, "bob")
    answer = page.goto(link_in(office, 1))
    assert answer is not None
    assert answer.status == 403
    expect(page.get_by_text("It is for d…@lab.org, and you are logged in as bob.")).to_be_visible()
    page.get_by_role("button", name="Use another account").click()
    page.get_by_role("button", name="Decline the invitation").click()
    expect(page.get_by_role("heading", name="The invitation was declined.")).to_be_visible()
    listed = json.loads(world.farcall("shares", "--json", who="alice").stdout)["items"]
    states = {item["handle"] or item["email"]: item["state"] for item in listed}
    assert states == {"bob": "active", "dora@lab.org": "declined"}
