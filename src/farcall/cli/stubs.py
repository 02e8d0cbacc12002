"""`stubs`: type stubs of the catalog, for editors and type checkers."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from farcall.cli.catalog import nothing_in
from farcall.cli.completion import paths
from farcall.cli.output import count, json_option, print_json, say
from farcall.cli.remote import client, rest

if TYPE_CHECKING:
    from farcall.client.stubs import Described, Stubs

_LOOK_SECONDS = 30.0  # between looks, if no change was told meanwhile
_SETTLE_SECONDS = 0.2  # changes come in bursts


@click.command()
@click.argument("directory", default="typings", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--namespace", default="", metavar="NAME", shell_complete=paths, help="Only this namespace and what is below it."
)
@click.option("--watch", is_flag=True, help="Go on, and keep them fresh; stop with Ctrl-C.")
@json_option
def stubs(directory: Path, namespace: str, watch: bool, as_json: bool) -> None:
    """Write type stubs of the functions that you may see into DIRECTORY (default: typings).

    Editors with Pyright or Pylance look into typings by themselves; for mypy say mypy_path = "typings".
    """
    known: dict[str, tuple[str, Described]] = {}
    found = _fetch(namespace, known)
    if namespace and not found and not watch:
        raise click.ClickException(nothing_in(namespace))
    made = _written(directory, found)
    _say(directory, made, len(known), as_json)
    if not watch:
        return
    changed = threading.Event()
    client().on_names_changed(lambda _names: changed.set())
    while True:
        changed.wait(_LOOK_SECONDS)
        threading.Event().wait(_SETTLE_SECONDS)
        changed.clear()
        before = {name: digest for name, (digest, _) in known.items()}
        fetched = _fetch(namespace, known)
        if before != {name: digest for name, (digest, _) in known.items()}:
            _say(directory, _written(directory, fetched), len(known), as_json)


def _fetch(namespace: str, known: dict[str, tuple[str, Described]]) -> list[Described]:
    """The functions now; only interfaces of versions that were not `known` are asked for."""
    from farcall.cli.remote import path
    from farcall.client.stubs import Described
    from farcall.domain.interface import Interface

    found: dict[str, tuple[str, Described]] = {}
    for item in rest().items("/v1/functions", namespace=namespace or None, limit=500):
        name, digest = item["name"], item["digest"]
        held = known.get(name)
        if held is not None and held[0] == digest:
            found[name] = held
            continue
        detail = rest().get(path("functions", f"{name}@{item['version']}"))
        found[name] = digest, Described(name, item["version"], Interface.parse(detail["interface"]))
    known.clear()
    known.update(found)
    return [described for _, described in found.values()]


def _written(directory: Path, functions: list[Described]) -> Stubs:
    """Write what differs, and remove what `farcall stubs` once wrote and is no more."""
    from farcall.client.stubs import MARK
    from farcall.client.stubs import stubs as made_of

    made = made_of(functions, numpy=importlib.util.find_spec("numpy") is not None)
    root = directory / "farcall" / "catalog"
    wanted = {directory / path: text for path, text in made.files.items()}
    for path in root.rglob("*.pyi"):
        if path not in wanted and _ours(path, MARK):
            path.unlink()
            with contextlib.suppress(OSError):  # not empty
                path.parent.rmdir()
    for path, text in wanted.items():
        if path.exists() and not _ours(path, MARK):
            raise click.ClickException(f"{path} was not written by farcall stubs; move it away, or choose another DIR.")
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = path.with_suffix(f".{os.getpid()}")
            temporary.write_text(text, encoding="utf-8")
            temporary.replace(path)
    return made


def _ours(path: Path, mark: str) -> bool:
    with path.open(encoding="utf-8") as file:
        return file.readline().rstrip() == mark


def _say(directory: Path, made: Stubs, functions: int, as_json: bool) -> None:
    if as_json:
        files: list[Any] = [str(directory / path) for path in made.files]
        print_json({"functions": functions, "files": files, "left_out": list(made.left_out)})
        return
    for sentence in made.left_out:
        say(sentence, err=True)
    written = f"{count(functions - len(made.left_out), 'function')} in {count(len(made.files), 'namespace')}"
    say(f"{written}: {directory / 'farcall' / 'catalog'}")
