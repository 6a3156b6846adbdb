// What went over the wire in a scenario, as a text that is compared with a file of the repository.
//
// The files are `tests/sdk/golden/node-NAME.http`. Headers that only describe the connection or the SDK's build are left out.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const UPDATE = "UPDATE_GOLDEN";
const MAX_LINE_CHARS = 100;
const REQUEST_HEADERS = [
  "authorization",
  "openai-project",
  "idempotency-key",
  "accept",
  "content-type",
  "user-agent",
];
const ANSWER_HEADERS = [
  "content-type",
  "x-request-id",
  "x-should-retry",
  "retry-after",
  "www-authenticate",
  "idempotent-replayed",
];

/** Says what comes next. */
export function heading(text) {
  return `# ${text}\n`;
}

/** A request and its answer. */
export function exchange({ method, target, requestHeaders, requestBody, status, headers, body }, names) {
  const request = message(requestHeaders, REQUEST_HEADERS, requestBody, names);
  const answer = message(headers, ANSWER_HEADERS, body, names);
  return `${method} ${names.inText(target)}\n${request}\n-> ${status}\n${answer}`;
}

/** A delivery, with every header that the gateway sends. */
export function arrival({ headers, body }, names) {
  const sent = Object.keys(headers).filter((name) => !["host", "content-length"].includes(name));
  return `POST, to the application\n${message(headers, sent, body, names)}`;
}

/** Fails with the difference if the file has another text; with `UPDATE_GOLDEN=1` it is written instead. */
export function compare(name, text) {
  const path = fileURLToPath(new URL(`../golden/node-${name}.http`, import.meta.url));
  if (process.env[UPDATE]) writeFileSync(path, text);
  const golden = existsSync(path) ? readFileSync(path, "utf8") : "";
  if (golden === text) return;
  const labels = ["-L", `tests/sdk/golden/node-${name}.http`, "-L", "on the wire now"];
  const { stdout } = spawnSync("diff", ["-u", ...labels, existsSync(path) ? path : "/dev/null", "-"], { input: text });
  assert.fail(`${stdout}\nTo accept this: ${UPDATE}=1 npm test, in tests/sdk/node`);
}

function message(headers, shown, body, names) {
  const lines = shown
    .filter((name) => name in headers)
    .map((name) => `${name}: ${headerValue(name, headers[name], names)}\n`);
  return lines.join("") + (body.length > 0 ? `\n${laidOut(names.inBody(body))}\n` : "");
}

/** JSON with the order of its keys kept. What is short takes one line, for an object has a dozen fields that seldom matter. */
function laidOut(value, indent = "") {
  const line = onOneLine(value);
  if ((indent + line).length <= MAX_LINE_CHARS || value === null || typeof value !== "object") return line;
  const inner = `${indent}  `;
  if (Array.isArray(value)) {
    return `[\n${value.map((item) => inner + laidOut(item, inner)).join(",\n")}\n${indent}]`;
  }
  const items = Object.entries(value).map(([name, item]) => `${inner}${JSON.stringify(name)}: ${laidOut(item, inner)}`);
  return `{\n${items.join(",\n")}\n${indent}}`;
}

function onOneLine(value) {
  if (Array.isArray(value)) return `[${value.map(onOneLine).join(", ")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const items = Object.entries(value).map(([name, item]) => `${JSON.stringify(name)}: ${onOneLine(item)}`);
  return `{${items.join(", ")}}`;
}

function headerValue(name, value, names) {
  if (name === "webhook-timestamp") return "<time>";
  if (name === "webhook-signature") return value.replace(/,\S+/g, ",<signature>");
  return names.inText(value);
}
