"""Command line options of the sandbox that are derived from its enums and dataclasses."""

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar, get_args, get_type_hints

import click

from tap_leadlex.sandbox.changes import Change
from tap_leadlex.sandbox.defects import Defects
from tap_leadlex.sandbox.echoes import Content, Echo, Place
from tap_leadlex.sandbox.instants import parse, to_datetime
from tap_leadlex.sandbox.readings import Reading

Command = TypeVar("Command", bound=Callable[..., Any])
T = TypeVar("T")
Choice = TypeVar("Choice", bound=StrEnum)
Group = TypeVar("Group", Reading, Defects)


def numbered(
    parse: Callable[[str], T], _context: click.Context, _option: click.Parameter, values: list[str]
) -> dict[int, T]:
    """Parse texts such as `3=reset` to faults or echoes by call number."""
    parsed = {}
    for text in values:
        number, _, name = text.partition("=")
        if not (number.isascii() and number.isdigit() and int(number) > 0):
            msg = f"{text!r} must start with the number of a call and '='"
            raise click.BadParameter(msg)
        parsed[int(number)] = parse(name)
    return parsed


def one_of(kind: type[Choice]) -> Callable[[str], Choice]:
    """Return the function that parses the name of a choice."""

    def parse(name: str) -> Choice:
        if name not in list(kind):
            msg = f"{name!r} is not one of {', '.join(kind)}"
            raise click.BadParameter(msg)
        return kind(name)

    return parse


def echo(text: str) -> Echo:
    """Parse a text such as `request-id:key`."""
    place, _, content = text.partition(":")
    return Echo(one_of(Place)(place), one_of(Content)(content))


def rates(
    _context: click.Context, _option: click.Parameter, values: list[str]
) -> dict[Change, float]:
    """Parse texts such as `edit=60` to rates."""
    parsed = {}
    for text in values:
        name, _, rate = text.partition("=")
        try:
            parsed[one_of(Change)(name)] = float(rate)
        except ValueError:
            msg = f"{text!r} must end with '=' and a number"
            raise click.BadParameter(msg) from None
    return parsed


def instant(_context: click.Context, _option: click.Parameter, text: str | None) -> datetime | None:
    """Parse an ISO 8601 date; without a zone it is in UTC."""
    try:
        return to_datetime(parse(text)) if text else None
    except ValueError:
        msg = f"{text!r} is not an ISO 8601 date"
        raise click.BadParameter(msg) from None


def options_of(group: type[Reading | Defects]) -> Callable[[Command], Command]:
    """Return the decorator that adds an option for each field of a dataclass."""

    def decorate(command: Command) -> Command:
        for name, hint in reversed(get_type_hints(group, include_extras=True).items()):
            kind, text = get_args(hint)
            default = getattr(group, name)
            command = click.option(
                f"--{name.replace('_', '-')}",
                type=click.Choice([*map(str, kind)]) if issubclass(kind, StrEnum) else kind,
                default=str(default) if issubclass(kind, StrEnum) else default,
                show_default=True,
                help=text,
            )(command)
        return command

    return decorate


def build(group: type[Group], options: dict[str, Any]) -> Group:
    """Return a dataclass with the values of its options, which are removed from `options`."""
    hints = get_type_hints(group)
    return group(**{name: kind(options.pop(name)) for name, kind in hints.items()})
