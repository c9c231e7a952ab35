"""Every verb, in the order of --help."""

from __future__ import annotations

from edge_tr.arguments import building, projects, running, tuning
from edge_tr.arguments.verb import Verb

VERBS = (
    Verb(
        "init",
        "begin a project: write a file with its model and board, so that commands need no arguments",
        projects.add_init,
    ),
    Verb("inspect", "show a model's layers, weights and terms", projects.add_inspect),
    Verb("build", "generate firmware for a board and compile it, or a program for an accelerator", building.add_build),
    Verb("flash", "write a build to its board", running.add_on_device),
    Verb("check", "run samples on the board and compare every byte with the reference", running.add_check),
    Verb("report", "write a build's report again, or one that compares two builds", running.add_report),
    Verb("emulate", "run a build's emulated board for other programs, until Ctrl-C", running.add_emulate),
    Verb("bench", "count instructions and estimate cycles of one inference, by layer", running.add_bench),
    Verb("tune", "choose which terms to keep, by calibration data", tuning.add_tune),
    Verb("export", "make a folder of builds for a project of your own: C, runtime, example", building.add_export),
    Verb("data", "make a file of samples from images, sounds or tables", projects.add_data),
    Verb("keys", "make a pair of keys for signed images", projects.add_keys),
    Verb("boards", "list the boards, how each was verified, and how it is flashed", projects.add_boards),
    Verb(
        "doctor",
        "say which tools, ports and permissions there are, and what to install",
        projects.add_doctor,
        projects.DOCTOR_CODES,
    ),
    Verb("clean", "remove what build or tune wrote", projects.add_clean),
    Verb(
        "completion",
        "print a script with which a shell completes edge-tr's commands and options",
        projects.add_completion,
    ),
    Verb("demo", "build, flash and check the digits model on an emulated board", projects.add_demo),
)
