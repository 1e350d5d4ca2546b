// State ReadDecision in Node with the AWS SDK: what functions/read-decision does, for `make bench` to compare with.
import { DynamoDBClient, GetItemCommand } from "@aws-sdk/client-dynamodb";

const table = process.env.GANTRY_APPROVALS_TABLE;
const dynamodb = new DynamoDBClient({});

class InvalidInput extends Error {}
class Inconsistent extends Error {}

function text(event, name) {
  const value = event[name];
  if (typeof value !== "string" || value === "") throw new InvalidInput(`${name} is missing`);
  return value;
}

async function row(pk, sk) {
  const Key = { pk: { S: pk }, sk: { S: sk } };
  const answer = await dynamodb.send(new GetItemCommand({ TableName: table, Key, ConsistentRead: true }));
  return answer.Item;
}

const pending = () => ({ outcome: "pending", by: null, reason: null });

export async function handler(event) {
  const execution = text(event, "execution");
  const release = text(event, "release");
  const stage = text(event, "stage");
  const planHash = text(event, "planHash");
  const gate = await row(`gate#${release}#${stage}`, planHash);
  const stored = gate && (await row(`approval#${gate.id.S}`, "approval"));
  if (!stored) return pending();
  const approval = JSON.parse(stored.body.S);
  if (approval.execution !== execution) {
    throw new Inconsistent(`approval of ${release} for ${stage} belongs to another execution`);
  }
  const decision = stored.decision && JSON.parse(stored.decision.S);
  if (!decision) return pending();
  return { outcome: decision.outcome, by: decision.by ?? null, reason: decision.reason ?? null };
}
