// Stable names for what is another in every run: ids, times, secrets, keys, ports.
//
// The same thing has the same name throughout one recording, so that a golden file shows which id is which.

const ID = /\b(?:(whe|whev|whd|wha|whrp|whkey|proj|key)_[0-9a-z]{26}|(wh|evt)_[0-9a-f]{32})\b/g;
const REQUEST_ID = /\breq_[0-9a-f]{32}\b/g;
const SECRET = /whsec_[A-Za-z0-9+/]{43}=/g;
const KEY = /sk-ringback-[A-Za-z0-9_-]{43}/g;
const HINT = /(?:whsec_|sk-ringback-)…(\S{4})/g;
const RUN = /(\w)\1{49,}/g;
// Fields that hold a time, beside those whose names say so.
const TIMES = ["created_after", "failing_since", "since"];
const NEAR_SECS = 2 * 24 * 60 * 60;

/** The names of one recording. They are given in the order in which things come up. */
export class Placeholders {
  #counts = new Map();
  #names;

  /** `known` has texts that have a name of their own, and that name. */
  constructor(known) {
    this.#names = new Map(known);
  }

  /** The text with names in the place of what changes, and of what only fills it. */
  inText(text) {
    text = text.replace(RUN, (run, char) => `<${run.length} times ${char}>`);
    for (const [known, name] of this.#names) text = text.replaceAll(known, name);
    return text
      .replace(REQUEST_ID, "<request id>")
      .replace(ID, (id, long, short) => this.#name(id, long ?? short, (kind, count) => `${kind}_${count}`))
      .replace(SECRET, (secret) => this.#name(secret, "secret", (kind, count) => `<${kind} ${count}>`))
      .replace(KEY, (key) => this.#name(key, "API key", (kind, count) => `<${kind} ${count}>`))
      .replace(HINT, (hint, shown) => this.#hint(hint, shown));
  }

  /** The same of every text in a JSON body, and of its times and durations. */
  inBody(body) {
    // Once ahead, because the hint of a secret may come before the secret.
    this.inText(body.toString());
    return this.#inValue(JSON.parse(body));
  }

  #inValue(value) {
    if (typeof value === "string") return this.inText(value);
    if (Array.isArray(value)) return value.map((item) => this.#inValue(item));
    if (value === null || typeof value !== "object") return value;
    const fields = Object.entries(value).map(([name, item]) => [name, this.#inField(name, item, value.created_at)]);
    return Object.fromEntries(fields);
  }

  #inField(name, value, createdAt) {
    // A time that is not of today is given by the scenario, or wrong, and either should be seen.
    const isTime = Number.isInteger(value) && (name.endsWith("_at") || TIMES.includes(name));
    if (isTime && Math.abs(value - Date.now() / 1000) < NEAR_SECS) {
      // Of those that the scenario sees to that they are later, and by more than chance, it is told that they are.
      const compared = ["updated_at", "expires_at"].includes(name) ? createdAt : value;
      return value > compared ? "<later>" : value < compared ? "<earlier>" : "<time>";
    }
    return Number.isInteger(value) && name.endsWith("_ms") ? "<duration>" : this.#inValue(value);
  }

  #name(text, kind, form) {
    if (!this.#names.has(text)) {
      const count = (this.#counts.get(kind) ?? 0) + 1;
      this.#counts.set(kind, count);
      this.#names.set(text, form(kind, count));
    }
    return this.#names.get(text);
  }

  /**
   * Not called after its secret: once in many thousand runs two secrets end alike. One of a secret that was never shown
   * stays as it is, and fails the comparison.
   */
  #hint(hint, tail) {
    const shown = [...this.#names].filter(([, name]) => /^<(secret|API key) /.test(name));
    return shown.some(([text]) => text.endsWith(tail)) ? "<hint>" : hint;
  }
}
