"""The root command. Groups are imported when they are used, so that `farcall --help` answers at once."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

import click

# name: (module of farcall.cli, attribute, one line of help)
COMMANDS: dict[str, tuple[str, str, str]] = {
    "up": ("hubs", "up", "A hub on this machine, ready to use."),
    "demo": ("demo.command", "demo", "The whole story in half a minute."),
    "hub": ("hubs", "hub", "The control plane alone."),
    "serve": ("serving", "serve", "Serve functions from here; the code stays here."),
    "register": ("login", "register", "Make an account at a hub."),
    "login": ("login", "login", "Log in to a hub."),
    "logout": ("login", "logout", "Log out of a hub."),
    "whoami": ("login", "whoami", "Which account, on which hub, with which rights."),
    "password": ("login", "password", "Set another password."),
    "list": ("catalog", "list_functions", "Functions that you may see."),
    "search": ("catalog", "search", "Find functions by words."),
    "show": ("catalog", "show", "Signature, documentation, owner, availability."),
    "stubs": ("stubs", "stubs", "Type stubs of the catalog, for editors and type checkers."),
    "versions": ("versions", "versions", "The versions of a function."),
    "alias": ("versions", "alias", "Movable names for versions."),
    "deprecate": ("versions", "deprecate", "Tell callers that a version will go."),
    "delete": ("versions", "delete", "Delete a function, or one of its versions."),
    "namespace": ("namespaces", "namespace", "Namespaces, and functions linked into them."),
    "call": ("calling", "call", "Call a function."),
    "status": ("invocations", "status", "The state of an invocation."),
    "result": ("invocations", "result", "The result of an invocation."),
    "logs": ("invocations", "logs", "What an invocation printed and logged."),
    "cancel": ("invocations", "cancel", "Stop an invocation."),
    "explain": ("invocations", "explain", "Why an invocation is where it is."),
    "invocations": ("invocations", "invocations", "Invocations, newest first."),
    "share": ("sharing", "share", "Let somebody use a function or namespace."),
    "unshare": ("sharing", "unshare", "Take a permission back."),
    "shares": ("sharing", "shares", "Who may use what is yours, and what others share with you."),
    "invites": ("sharing", "invites", "Invitations that wait for you."),
    "accept": ("sharing", "accept", "Accept an invitation."),
    "decline": ("sharing", "decline", "Decline an invitation."),
    "groups": ("groups", "groups", "People who call, serve and manage together."),
    "token": ("people", "token", "Create, list and revoke tokens."),
    "account": ("people", "account", "Create, list, confirm and disable accounts (administrators)."),
    "completion": ("completion", "completion", "Let the shell complete commands and names."),
    "erase": ("usage", "erase", "Erase what an invocation was called with and gave."),
    "usage": ("usage", "usage", "How much was used, of what, by whom."),
    "audit": ("audit", "audit", "Who did what to what, when, from where."),
    "workers": ("fleet", "workers", "Your workers, and what they serve."),
}


class LazyGroup(click.Group):
    """A group that knows its commands' names and summaries without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[cmd_name]
        command: click.Command = getattr(importlib.import_module(f"farcall.cli.{module}"), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, _, summary) in COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            import difflib

            close = difflib.get_close_matches(args[0], COMMANDS, 1)
            ctx.fail(f"There is no command {args[0]!r}." + (f" Did you mean {close[0]!r}?" if close else ""))
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Turn what goes wrong into a sentence and an exit code; see `errors`."""
        try:
            return super().invoke(ctx)
        except click.ClickException as error:
            from farcall.authoring.harmless import harmless

            error.message = harmless(error.message)  # type: ignore[misc]  # final for others, not told yet
            raise
        except (click.exceptions.Exit, click.Abort):
            raise
        except KeyboardInterrupt:
            raise click.Abort from None
        except BrokenPipeError:  # whoever read our output, such as head, has had enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(1)
        except Exception as error:
            from farcall.cli.errors import report

            ctx.exit(report(error, bool(ctx.params.get("debug"))))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--debug", is_flag=True, help="Show tracebacks.")
@click.version_option(package_name="farcall")
def farcall(debug: bool) -> None:
    """Import a function that runs on someone else's machine; their code stays there.

    serve: my code stays here. hub: who may call what, queue and record. call: use it.
    """
