"""The story: Alice serves a classifier, Bob uses it, a machine dies, mistakes are made, everybody leaves."""

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
    share(stage)
    story = map_while_a_worker_dies(stage)
    explain(stage, story)
    mistakes(stage)
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
    for handle in ("alice", "bob"):
        stage.show("root", f"farcall account create {handle} {handle}@example.org --print-token")
        printed = stage.farcall("root", "account", "create", handle, f"{handle}@example.org", "--print-token")
        found = re.search(r"farcall_pat_\w+", printed)
        expect(found is not None, f"no token in: {printed}")
        assert found is not None
        stage.tokens[handle] = found.group()


def serve(stage: Stage) -> None:
    stage.scene("Alice serves her classifier from two machines; the code stays with her")
    for number in (1, 2):
        stage.show("alice", f"farcall serve digits.py --slots 1 --name machine-{number}")
        stage.start(
            f"worker-{number}",
            "alice",
            "serve",
            "digits.py",
            "--slots",
            "1",
            "--name",
            f"machine-{number}",
            cwd=stage.directory / "alice",
        )
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


def share(stage: Stage) -> None:
    stage.scene("She shares the namespace with Bob")
    stage.show("alice", "farcall share alice/digits bob")
    stage.farcall("alice", "share", "alice/digits", "bob")
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
    page = stage.get("bob", "/v1/invocations?status=succeeded&limit=500")
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
