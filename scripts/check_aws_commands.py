"""Checks each `aws …` command in the documents against AWS's own description of its services, offline.

A command that is in a document and has never been run is worse than none. The account that most of them need is not here;
that the service, the operation and every option exist can be said without one. Runs in the environment of `make deploy`,
which has botocore.
"""

import pathlib
import re
import shlex
import sys

import botocore.session
from botocore import xform_name

# Options that every command has.
GLOBAL = {"--query", "--output", "--region", "--profile"}


def commands(page):
    for block in re.findall(r"```sh\n(.*?)```", page, re.S):
        for line in block.splitlines():
            found = re.search(r"\baws .*", line)
            if found:
                yield found.group()


def complaint(session, command):
    """What is wrong with a command, or nothing."""
    _, service, operation, *words = shlex.split(command)
    if service not in session.get_available_services():
        return f"there is no service {service}"
    model = session.get_service_model(service)
    options = {word for word in words if word.startswith("--")} - GLOBAL
    if operation == "wait":
        waiters = session.get_component("data_loader").load_service_model(service, "waiters-2")["waiters"]
        by_name = {xform_name(name, "-"): waiter["operation"] for name, waiter in waiters.items()}
        if words[0] not in by_name:
            return f"{service} has nothing called {words[0]} to wait for"
        name = by_name[words[0]]
    else:
        by_name = {xform_name(name, "-"): name for name in model.operation_names}
        if operation not in by_name:
            return f"{service} has no operation {operation}"
        name = by_name[operation]
    members = model.operation_model(name).input_shape.members
    unknown = options - {f"--{xform_name(member, '-')}" for member in members}
    missing = {
        f"--{xform_name(member, '-')}" for member in model.operation_model(name).input_shape.required_members
    } - options
    if unknown or missing:
        return f"{name} does not know {sorted(unknown)} and needs {sorted(missing)}"
    return None


def main():
    session = botocore.session.get_session()
    checked, wrong = 0, []
    for page in [pathlib.Path("README.md"), *sorted(pathlib.Path("docs").glob("*.md"))]:
        for command in commands(page.read_text()):
            checked += 1
            what = complaint(session, command)
            if what:
                wrong.append(f"{page}: {command}\n  {what}")
    if wrong:
        sys.exit("\n".join(wrong))
    if not checked:
        sys.exit("no document has an aws command: this check looks at nothing")
    print(f"{checked} aws commands of the documents are as AWS describes them")


if __name__ == "__main__":
    main()
