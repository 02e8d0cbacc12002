"""The story: Alice serves a classifier and invites Bob; he uses it, a machine dies, mistakes are made, all leave."""

from __future__ import annotations

import importlib.util
import re
import shutil
import signal
import time
from pathlib import Path
from typing import Any

from farcall.cli.demo.stage import Stage, expect, free_port, table

HERE = Path(__file__).parent
GRACE_SECONDS = 2
BOBS_PASSWORD = "seven brown foxes jump"
SOURCE_LINE = "secret_recipe = np.linalg.norm"


def missing_packages() -> list[str]:
    """What the story needs and this Python lacks."""
    wanted = {
        "sklearn": "scikit-learn",
        "numpy": "numpy",
        "scipy": "scipy",
        "uvicorn": "farcall[hub]",
        "apsw": "farcall[hub]",
    }
    return sorted({package for module, package in wanted.items() if importlib.util.find_spec(module) is None})


def play(stage: Stage) -> None:
    """All scenes in order; raises SceneFailed."""
    for person in ("alice", "bob"):
        shutil.copytree(HERE / person, stage.directory / person, ignore=shutil.ignore_patterns("__pycache__"))
    open_hub(stage)
    serve(stage)
    link = invite(stage)
    accept(stage, link)
    story = map_while_a_worker_dies(stage)
    explain(stage, story)
    mistakes(stage)
    units(stage)
    search_hub(stage)
    nobody_left(stage)


def open_hub(stage: Stage) -> None:
    stage.scene("A hub: catalog, permissions, queue and record; no code")
    port = free_port()
    stage.url = f"http://127.0.0.1:{port}"
    stage.show("root", f"farcall hub --data hub --port {port}")
    stage.start(
        "hub",
        "root",
        "hub",
        "--data",
        "hub",
        "--port",
        str(port),
        FARCALL_HUB_RESUME_GRACE_SECONDS=str(GRACE_SECONDS),
        FARCALL_HUB_NO_WORKER_GRACE_SECONDS=str(GRACE_SECONDS),
    )
    stage.wait_until(lambda: stage.get("", "/readyz") is not None, 20, "the hub comes up", "hub")
    stage.tokens["root"] = (stage.directory / "hub" / "admin-token").read_text().strip()
    stage.show("root", "farcall account create alice alice@example.org --print-token")
    printed = stage.farcall("root", "account", "create", "alice", "alice@example.org", "--print-token")
    stage.tokens["alice"] = _found(r"farcall_pat_\w+", printed)


def _found(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    expect(found is not None, f"no {pattern} in: {text}")
    assert found is not None
    return found.group()


def serve(stage: Stage) -> None:
    stage.scene("Alice serves a classifier and a plain script from two machines; the code stays with her")
    for number in (1, 2):
        command = f"serve digits.py scan.py --namespace digits --slots 1 --name machine-{number}"
        stage.show("alice", f"farcall {command}")
        stage.start(f"worker-{number}", "alice", *command.split(), cwd=stage.directory / "alice")
    for number in (1, 2):
        stage.wait_until(
            lambda number=number: _ready_workers(stage) >= number,  # type: ignore[misc]  # bound per turn
            30,
            "Alice's workers connect",
            f"worker-{number}",
        )
    stage.say(
        table({worker["name"]: ", ".join(worker["functions"]) for worker in stage.get("alice", "/v1/workers")["items"]})
    )


def _ready_workers(stage: Stage) -> int:
    workers = stage.get("alice", "/v1/workers")["items"]
    return sum(worker["state"] == "ready" and "alice/digits/classify" in worker["functions"] for worker in workers)


def invite(stage: Stage) -> str:
    """The link that only Bob gets."""
    stage.scene("She shares the namespace with bob@example.org, who has no account")
    stage.show("alice", "farcall share alice/digits bob@example.org")
    said = stage.farcall("alice", "share", "alice/digits", "bob@example.org")
    link = _found(r"http://\S+/i/\S+", said)
    short = link[:-36] + "…"
    letter = said.partition("or all of this:\n")[2].partition("    You will be able")[0]
    stage.say(f"bob@example.org is invited; this hub sends no e-mail, so she hands the letter over herself:\n{letter}")
    stage.say(f"\n    To look at it, and to accept or decline, open {short}")
    return link


def accept(stage: Stage, link: str) -> None:
    stage.scene("Bob makes an account with the link, and accepts")
    identity = ("--handle", "bob", "--email", "bob@example.org")
    stage.show("bob", f"farcall register --invite LINK {' '.join(identity)}")
    login = stage.farcall("bob", "register", "--invite", link, *identity, "--password-stdin", stdin=BOBS_PASSWORD)
    stage.say(login.partition("\n")[0])
    stage.show("bob", "farcall accept LINK")
    stage.say(stage.farcall("bob", "accept", link))
    stage.show("bob", "farcall show alice/digits/classify")
    stage.say(stage.farcall("bob", "show", "alice/digits/classify"))


def map_while_a_worker_dies(stage: Stage) -> dict[str, Any]:
    stage.scene("Bob imports it, and maps it over 300 images that it has never seen; one machine dies meanwhile")
    stage.show("bob", ">>> from farcall.catalog.alice.digits import classify")
    stage.show("bob", ">>> answers = list(classify.map(images))")
    bob = stage.python("bob", stage.directory / "bob" / "map.py")
    stage.wait_until(lambda: _finished(stage) >= 100 or bob.poll() is not None, 60, "the first hundred results")
    stage.show("alice", "kill -9 machine-2        # in the middle of it")
    killed_at = _finished(stage)
    stage.kill("worker-2")
    story: dict[str, Any] = stage.answer(bob, "Bob's program")
    expect(story["asked"] == 300, f"{story['asked']} images were asked, not 300")
    expect(killed_at < 300, "the worker was killed too late: everything had been computed")
    accuracy = story["right"] / story["asked"]
    expect(accuracy > 0.9, f"the accuracy is {accuracy:.1%}: something was garbled on the way")
    expect(len(story["workers"]) == 2, f"one worker did it all: {story['workers']}")
    expect(bool(story["retried"]), "no attempt was lost with the worker that died")
    stage.say(
        table(
            {
                "killed after": f"{killed_at} of 300 results",
                "results": f"{story['asked']} of 300, in order",
                "accuracy": f"{accuracy:.1%}",
                "time": f"{story['seconds']:.1f} s",
                "which worker": ", ".join(f"{name}: {count}" for name, count in sorted(story["workers"].items())),
                "attempts": ", ".join(f"{count} × {number}" for number, count in sorted(story["attempts"].items())),
            }
        )
    )
    return story


def _finished(stage: Stage) -> int:
    page = stage.get("alice", "/v1/invocations?role=owner&status=succeeded&limit=500")
    return len(page["items"])


def explain(stage: Stage, story: dict[str, Any]) -> None:
    stage.scene("Why did one of them take two attempts?")
    identifier = story["retried"][0]
    stage.show("bob", f"farcall explain {identifier}")
    text = stage.farcall("bob", "explain", identifier)
    stage.say(text)
    expect("machine-1" in text and "machine-2" in text, "the explanation does not name both machines")


def mistakes(stage: Stage) -> None:
    stage.scene("Two mistakes: one is refused before it is sent, one is raised by Alice's function")
    stage.show("bob", '>>> classify("a seven, I think")')
    seen = stage.answer(stage.python("bob", stage.directory / "bob" / "mistakes.py"), "Bob's second program")
    expect("image" in seen.get("refused", ""), f"the bad argument was not refused with its path: {seen}")
    stage.say(seen["refused"])
    stage.show("bob", ">>> try: classify(np.zeros((4, 4)))")
    stage.show("bob", "... except ValueError as error: print(error)")
    raised = seen.get("raised", "")
    expect("an image is 8 by 8" in raised and "digits.py" in raised, f"no readable remote traceback: {seen}")
    stage.say(raised)


def units(stage: Stage) -> None:
    stage.scene("Alice's script has marks that say what its numbers are in; Bob writes them as he likes")
    script = (stage.directory / "alice" / "scan.py").read_text()
    stage.say("\n".join(line for line in script.splitlines() if "farcall." in line))
    stage.show("bob", "farcall call alice/digits/scan height='0.5 inch'")
    pixels = stage.farcall("bob", "call", "alice/digits/scan", "height=0.5 inch").strip()
    expect(pixels == "75", f"half an inch at 150 per inch is 75 pixels, not {pixels}")
    stage.say(pixels)
    stage.show("bob", "farcall call alice/digits/scan height='2 kg'")
    refused = stage.refused("bob", "call", "alice/digits/scan", "height=2 kg")
    expect("2 kg is a mass" in refused, f"2 kg was not refused for what it is: {refused}")
    stage.say(refused.strip().splitlines()[-1])


def search_hub(stage: Stage) -> None:
    stage.scene("What does the hub know of Alice's code?")
    stage.show("root", f'grep -r "{SOURCE_LINE}" hub | wc -l')
    matches = [
        path
        for path in (stage.directory / "hub").rglob("*")
        if path.is_file() and SOURCE_LINE.encode() in path.read_bytes()
    ]
    expect(not matches, f"the hub's data holds Alice's source: {matches}")
    stage.say("0")


def nobody_left(stage: Stage) -> None:
    stage.scene("Alice goes home")
    stage.show("alice", "kill machine-1        # SIGTERM: finish, then leave")
    stage.kill("worker-1", signal.SIGTERM)
    time.sleep(GRACE_SECONDS + 0.5)
    stage.show("bob", f">>> classify(image)       # {GRACE_SECONDS} s later: nobody is expected back")
    alone = stage.answer(stage.python("bob", stage.directory / "bob" / "alone.py"), "Bob's last program")
    stage.say(f"NoWorkerAvailable: {alone['error']}")
    stage.say(f"(it took {alone['seconds'] * 1000:.0f} ms to say so)")
