"""What makes a shell complete edge-tr's commands, options and their choices: `edge-tr completion SHELL`."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

from edge_tr.arguments import VERBS, full_parsers


@dataclass(frozen=True)
class _Option:
    """`choices` are its values, where these are words of a list."""

    verb: str
    name: str
    choices: tuple[str, ...]
    text: str


def script(shell: str) -> str:
    """For bash, zsh or fish."""
    if shell == "fish":
        return _fish()
    begin = "autoload -U +X bashcompinit && bashcompinit\n" if shell == "zsh" else ""
    return begin + _bash()


def _options() -> Iterator[_Option]:
    for verb, command in full_parsers().items():
        for action in command._actions:
            choices = tuple(map(str, action.choices)) if action.choices else ()
            text = "" if action.help is argparse.SUPPRESS else (action.help or "").partition(";")[0].partition(":")[0]
            for name in action.option_strings or ([""] if choices else []):
                yield _Option(verb, name, choices, text.replace("'", "").replace("%(default)s", "").strip())


def _bash() -> str:
    names: dict[str, list[str]] = {}
    values = []
    for option in _options():
        names.setdefault(option.verb, []).append(option.name or " ".join(option.choices))
        if option.choices and option.name:
            values.append(f'        {option.verb}:{option.name}) found="{" ".join(option.choices)}" ;;')
    words = "\n".join(f'        {verb}) found="{" ".join(of)}" ;;' for verb, of in names.items())
    chosen = "\n".join(values)
    verbs = " ".join(verb.name for verb in VERBS)
    return f"""\
_edge_tr() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD - 1]}} verb= one found=
    for one in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
        case $one in -*) ;; *) verb=$one; break ;; esac
    done
    case $verb:$before in
{chosen}
    esac
    if [ -z "$found" ]; then
        case $verb in
        "") found="{verbs} --version --help --json --quiet" ;;
{words}
        esac
    fi
    COMPREPLY=($(compgen -W "$found" -- "$word"))
}}
complete -o default -o bashdefault -F _edge_tr edge-tr
"""


def _fish() -> str:
    lines = [
        f"complete -c edge-tr -n __fish_use_subcommand -f -a {verb.name} -d '{_quoted(verb.text)}'" for verb in VERBS
    ]
    for option in _options():
        letters = "-l" if option.name.startswith("--") else "-s"
        kind = f" {letters} {option.name.lstrip('-')}" if option.name else ""
        choices = f" -x -a '{' '.join(option.choices)}'" if option.choices else ""
        about = f" -d '{option.text}'" if option.text else ""
        lines.append(f"complete -c edge-tr -n '__fish_seen_subcommand_from {option.verb}'{kind}{choices}{about}")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return text.replace("'", "\\'")
