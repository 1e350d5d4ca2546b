"""State ReadDecision in Python with boto3: what functions/read-decision does, for `make bench` to compare with."""

import json
import os

import boto3

TABLE = os.environ["GANTRY_APPROVALS_TABLE"]
dynamodb = boto3.client("dynamodb")


class InvalidInput(Exception):
    pass


class Inconsistent(Exception):
    pass


def text(event, name):
    value = event.get(name)
    if not isinstance(value, str) or not value:
        raise InvalidInput(f"{name} is missing")
    return value


def row(pk, sk):
    answer = dynamodb.get_item(TableName=TABLE, Key={"pk": {"S": pk}, "sk": {"S": sk}}, ConsistentRead=True)
    return answer.get("Item")


def pending():
    return {"outcome": "pending", "by": None, "reason": None}


def handler(event, context):
    execution, release = text(event, "execution"), text(event, "release")
    stage, plan_hash = text(event, "stage"), text(event, "planHash")
    gate = row(f"gate#{release}#{stage}", plan_hash)
    stored = gate and row(f"approval#{gate['id']['S']}", "approval")
    if not stored:
        return pending()
    approval = json.loads(stored["body"]["S"])
    if approval["execution"] != execution:
        raise Inconsistent(f"approval of {release} for {stage} belongs to another execution")
    decision = json.loads(stored["decision"]["S"]) if "decision" in stored else None
    if not decision:
        return pending()
    return {"outcome": decision["outcome"], "by": decision.get("by"), "reason": decision.get("reason")}
