// Random calls, the same in every run, and each of them spoilt by one bit.
//
// A bit is always turned so that the call stays one that a library looks at: the body stays UTF-8, the headers
// printable, the timestamp near. So whoever refuses it refuses it for its signature.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";

const SEED = 20261121;
const MAX_BODY_BYTES = 20_000;
// A character takes six bytes at most, as an escaped control character; that leaves room for the rest of the event.
const MAX_CHARS = 3_200;
const TYPES = ["batch.completed", "response.failed", "realtime.call.incoming", "an.unknown_type"];

/** What can be spoilt. */
export const PARTS = ["body", "webhook-id", "webhook-timestamp", "webhook-signature", "secret"];

/** Runs `test` with one random call after the other. Whatever goes wrong is told with the seed and the number. */
export async function forEachCase(count, test) {
  for (let index = 0; index < count; index += 1) {
    await test(randomCall(index)).catch((cause) => {
      throw new Error(`in case ${index} of the seed ${SEED}: ${cause.message}`, { cause });
    });
  }
}

/** The headers as they may arrive: in any order, and their names in any case. */
export function inTransit(headers, dice) {
  const entries = Object.entries(headers).map((entry) => ({ entry, rank: dice.below(2 ** 32) }));
  entries.sort((one, other) => one.rank - other.rank);
  const cases = [(name) => name.toUpperCase(), (name) => name.replace(/\b\w/g, (letter) => letter.toUpperCase())];
  const inSomeCase = (name) => dice.oneOf([...cases, (same) => same])(name);
  return Object.fromEntries(entries.map(({ entry: [name, value] }) => [inSomeCase(name), value]));
}

/** `{ secret, headers, body }` with one bit turned in `part`, one of `PARTS`. */
export function spoilt(signed, part, dice) {
  if (part === "secret") {
    const key = Buffer.from(signed.secret.slice("whsec_".length), "base64");
    return { ...signed, secret: secretOf(bitTurned(key, dice)) };
  }
  if (part === "body") {
    return { ...signed, body: signed.body.length > 0 ? asciiTurned(signed.body, dice) : Buffer.from(" ") };
  }
  const entries = Object.entries(signed.headers).map(([name, value]) =>
    name.toLowerCase() === part ? [name, TURNED[part](value, dice)] : [name, value],
  );
  return { ...signed, headers: Object.fromEntries(entries) };
}

/**
 * The call of this number, to be signed: `{ secrets, webhookId, age, body, dice }`. There are one or two secrets;
 * `age` is how many seconds before now it is signed (negative if after), within every library's tolerance.
 */
function randomCall(index) {
  const dice = new Dice(`${SEED}/${index}`);
  const secrets = Array.from({ length: dice.between(1, 2) }, () => secretOf(dice.bytes(dice.between(24, 64))));
  const webhookId = String.fromCharCode(...Array.from({ length: dice.between(1, 64) }, () => dice.between(0x21, 0x7e)));
  // Every tenth body is empty.
  const body = index % 10 === 0 ? Buffer.alloc(0) : randomEvent(dice);
  assert.ok(body.length <= MAX_BODY_BYTES, `${body.length} bytes`);
  return { secrets, webhookId, age: dice.between(0, 400) - 200, body, dice };
}

/** Draws that follow from a text. Good for some 30,000 of them; one more is an error. */
class Dice {
  #at = 0;
  #stream;

  constructor(text) {
    this.#stream = createHash("shake256", { outputLength: 128 * 1024 }).update(text).digest();
  }

  below(limit) {
    const drawn = this.#stream.readUInt32LE(this.#at);
    this.#at += 4;
    return drawn % limit;
  }

  between(least, most) {
    return least + this.below(most - least + 1);
  }

  oneOf(things) {
    return things[this.below(things.length)];
  }

  bytes(count) {
    return Buffer.from(Array.from({ length: count }, () => this.below(256)));
  }
}

function secretOf(key) {
  return `whsec_${key.toString("base64")}`;
}

function randomEvent(dice) {
  const numbers = [dice.below(2 ** 32) - 2 ** 31, dice.below(2 ** 32) / 7, null, dice.below(2) === 0];
  const data = { id: text(dice, 20), numbers, note: text(dice, dice.oneOf([10, MAX_CHARS - 100])) };
  const event = { object: "event", id: "evt_1", created_at: 1, type: dice.oneOf(TYPES), data };
  return Buffer.from(JSON.stringify(event, null, dice.oneOf([0, 3])));
}

/** Of any characters, controls and those beyond 16 bits among them; half of all are ASCII. */
function text(dice, maxChars) {
  const ranges = [[0, 0x7f], [0x80, 0xd7ff], [0, 0x7f], [0xe000, 0x10ffff]];
  const chars = Array.from({ length: dice.below(maxChars + 1) }, () => dice.between(...dice.oneOf(ranges)));
  return chars.map((char) => String.fromCodePoint(char)).join("");
}

function bitTurned(data, dice) {
  const turned = Buffer.from(data);
  turned[dice.below(data.length)] ^= 1 << dice.below(8);
  return turned;
}

function asciiTurned(data, dice) {
  const positions = [...data.keys()].filter((position) => data[position] < 0x80);
  const turned = Buffer.from(data);
  turned[dice.oneOf(positions)] ^= 1 << dice.below(7);
  return turned;
}

const TURNED = {
  "webhook-id": (id, dice) => {
    for (;;) {
      const turned = asciiTurned(Buffer.from(id), dice).toString();
      if (/^[\x21-\x7e]+$/.test(turned)) return turned;
    }
  },
  "webhook-timestamp": (seconds) => seconds.slice(0, -1) + (Number(seconds.at(-1)) ^ 1),
  // In every token, for any of them may be the receiver's.
  "webhook-signature": (value, dice) =>
    value
      .split(" ")
      .map((token) => Buffer.from(token.slice("v1,".length), "base64"))
      .map((mac) => `v1,${bitTurned(mac, dice).toString("base64")}`)
      .join(" "),
};
