"""Deploys the stack of one pipeline: what `make deploy` does once everything is installed.

It renders the template with the `gantry` command, puts the configuration into each function's archive, makes sure that the
credentials are those of the pipeline's account, and hands over to the SAM CLI. What it deploys is what
`scripts/package.sh` made; it builds nothing.
"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys

import boto3
import botocore.exceptions

TARGET = pathlib.Path(os.environ["GANTRY_TARGET"])
# The secrets that somebody has to fill, by the outputs that name them.
SECRETS = "SecretArn"


def fail(text):
    sys.exit(f"deploy: {text}")


def options():
    parser = argparse.ArgumentParser(prog="make deploy", description="Deploys the stack of one pipeline.")
    add = parser.add_argument
    add("--config", type=pathlib.Path, default="gantry.toml", help="the pipeline's configuration (gantry.toml)")
    add("--stack-name", help="the stack's name (gantry-<pipeline>)")
    add("--s3-bucket", help="the bucket for the archives (one that the SAM CLI makes and keeps for itself)")
    add("--profile", help="the AWS profile with the credentials")
    add("--yes", action="store_true", help="asks nothing")
    add("--packages", type=pathlib.Path, help="the folder with the functions' archives (where make package puts them)")
    add("--parameter", action="append", default=[], metavar="NAME=VALUE", help="a template parameter, not its default")
    # For worlds whose services answer elsewhere than gantry.toml says.
    add("--base-url", action="append", default=[], help=argparse.SUPPRESS)
    add("--private-host", action="append", default=[], help=argparse.SUPPRESS)
    add("--out", type=pathlib.Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def read(path):
    return json.loads(path.read_text())


def render(chosen, architecture, out):
    """Writes template.json, parameters.json and gantry.json."""
    command = [os.environ["GANTRY"], "render", chosen.config, "--out", out, "--code-uri", "functions"]
    command += ["--definition-uri", pathlib.Path("statemachine").resolve()]
    # The functions' archives say for which processor they were built; nobody has to.
    for parameter in [f"Architecture={architecture}", *chosen.parameter]:
        command += ["--parameter", parameter]
    for url in chosen.base_url:
        command += ["--base-url", url]
    for host in chosen.private_host:
        command += ["--private-host", host]
    done = subprocess.run(command, stdout=subprocess.DEVNULL)
    if done.returncode:
        fail(f"{chosen.config} could not be rendered (see above), and nothing was deployed")


def session_for(chosen, first):
    """Credentials of the account that the pipeline is for, and no other."""
    try:
        session = boto3.Session(profile_name=chosen.profile, region_name=first["region"])
        caller = session.client("sts").get_caller_identity()
    except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
        fail(f"AWS did not say whose credentials these are: {error}\n"
             "deploy: set AWS_PROFILE or name one with --profile, or log in again")
    if caller["Account"] != first["account"]:
        fail(f"these credentials belong to account {caller['Account']}, and {chosen.config} is for account "
             f"{first['account']}: nothing was deployed")
    return session, caller["Arn"]


def sam(chosen, pipeline, stack, out):
    first = pipeline["stages"][0]
    command = [pathlib.Path(sys.executable).with_name("sam"), "deploy"]
    command += ["--template-file", out / "template.json", "--stack-name", stack, "--region", first["region"]]
    # Roles have names, so that policies can tell them exactly.
    command += ["--capabilities", "CAPABILITY_NAMED_IAM", "--no-fail-on-empty-changeset"]
    command += ["--s3-prefix", stack]
    command += ["--s3-bucket", chosen.s3_bucket] if chosen.s3_bucket else ["--resolve-s3"]
    command += ["--profile", chosen.profile] if chosen.profile else []
    command += ["--no-confirm-changeset" if chosen.yes else "--confirm-changeset", "--no-progressbar"]
    # An empty value is the default of what only local worlds set, and `sam` takes none.
    values = [(one["ParameterKey"], one["ParameterValue"]) for one in read(out / "parameters.json")]
    command += ["--parameter-overrides", *(f"{name}={value}" for name, value in values if value)]
    # All that is said is said here; a samconfig.toml that stands somewhere is for something else.
    (out / "samconfig.toml").write_text("version = 0.1\n")
    command += ["--config-file", (out / "samconfig.toml").resolve()]
    done = subprocess.run(command)
    if done.returncode:
        fail(f"the SAM CLI could not deploy {stack} (see above); what CloudFormation began it put back by itself")


def tell_next_steps(session, stack):
    """What is left to do in the installation that stands, from its own outputs."""
    try:
        stacks = session.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
    except botocore.exceptions.ClientError:
        print("deploy: nothing was deployed")
        return
    outputs = {one["OutputKey"]: one["OutputValue"] for one in stacks[0].get("Outputs", [])}
    secrets = session.client("secretsmanager")
    empty = [arn for name, arn in sorted(outputs.items()) if name.endswith(SECRETS) and not has_value(secrets, arn)]
    print(f"\ndeploy: {stack} stands")
    print(f"  Slack's interactivity URL   {outputs.get('ApiUrl')}/slack/interactions")
    print(f"  GitHub's webhook URL        {outputs.get('ApiUrl')}/github/webhook")
    for arn in empty:
        print(f"  has no value yet            {arn}")
    print("docs/install.md goes on from here.")


def has_value(secrets, arn):
    """Whether somebody has put a value, which is looked at and dropped."""
    try:
        return bool(secrets.get_secret_value(SecretId=arn).get("SecretString"))
    except botocore.exceptions.ClientError as error:
        # Who deploys need not be somebody who may read secrets.
        return error.response["Error"]["Code"] != "ResourceNotFoundException"


def main():
    chosen = options()
    packages = chosen.packages or TARGET / "package"
    if not (packages / "package.json").is_file():
        fail(f"there are no archives in {packages}: run `make package` first")
    if not (chosen.yes or sys.stdin.isatty()):
        fail("nobody can be asked here: say --yes to deploy without being asked")
    architecture = read(packages / "package.json")["architecture"]
    out = chosen.out or TARGET / "deploy"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    render(chosen, architecture, out)
    pipeline = read(out / "gantry.json")
    first = pipeline["stages"][0]
    stack = chosen.stack_name or f"gantry-{pipeline['name']}"
    session, caller = session_for(chosen, first)
    print(f"deploy: stack {stack} in account {first['account']}, region {first['region']}, as {caller}")
    print(f"deploy: pipeline {pipeline['name']} of {chosen.config}, functions for {architecture}, "
          f"archives through {chosen.s3_bucket or 'the bucket that the SAM CLI keeps for itself'}")
    archive = [sys.executable, "scripts/archive.py", "complete", packages, out / "functions"]
    subprocess.run([*archive, "--beside", out / "gantry.json"], check=True)
    sam(chosen, pipeline, stack, out)
    tell_next_steps(session, stack)


if __name__ == "__main__":
    main()
