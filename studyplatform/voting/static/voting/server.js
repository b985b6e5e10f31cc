// Talking to the server: one request, the same request until it is answered, and notes of how a session goes.

const ANSWER_MS = 20000, LONGEST_PAUSE_MS = 15000, NOTES_AT_ONCE = 50;

export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
export const frame = () => new Promise((done) => requestAnimationFrame(done));

/** The server said no: `status` of HTTP, `code` for programs, the message for people, `after` in seconds or 0. */
export class Refusal extends Error {
  constructor(answer, body) {
    super(body.detail || "");
    this.status = answer.status;
    this.code = body.code || "";
    this.after = Number(answer.headers.get("Retry-After")) || 0;
  }
}

/**
 * Whether asking again may help: the network or the server is away, or too busy. A refusal of ours carries a code; one
 * without comes from something in between, which knows nothing of votes.
 */
export const passing = (error) =>
  !(error instanceof Refusal) || !error.code || error.status >= 500 || error.status === 429;

/** Wait before the next try: ever longer, never in step with others, at most until the network is back. */
export function pause(attempt, error) {
  const ms = Math.min(LONGEST_PAUSE_MS, 400 * 2 ** attempt) * (0.5 + Math.random());
  if (error?.after) return sleep(Math.max(ms, error.after * 1000));
  return Promise.race([sleep(ms), new Promise((go) => addEventListener("online", go, { once: true }))]);
}

/** Random version 4 UUID, also where the page is not served over HTTPS. */
export const newUuid = () =>
  "10000000-1000-4000-8000-100000000000".replace(/[018]/g, (digit) =>
    (digit ^ (crypto.getRandomValues(new Uint8Array(1))[0] & (15 >> (digit / 4)))).toString(16),
  );

export class Server {
  /** `api` is the address of the session, `token` the form's CSRF token. */
  constructor(api, token) {
    this.api = api;
    this.token = token;
    this.notes = [];
  }

  async call(path, body, more = {}) {
    const answer = await fetch(this.api + path, {
      method: body ? "POST" : "GET",
      headers: { "Content-Type": "application/json", "X-CSRFToken": this.token },
      body: body && JSON.stringify(body),
      cache: "no-store",
      signal: AbortSignal.timeout?.(ANSWER_MS), // a request that hangs is a request that failed
      ...more,
    });
    if (answer.ok) return answer.json();
    throw new Refusal(answer, await answer.json().catch(() => ({})));
  }

  /** Repeat `action` until it is answered; `trouble` hears of every failure. A refusal that stays is thrown. */
  async patiently(action, trouble) {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await action();
      } catch (error) {
        if (!passing(error)) throw error;
        trouble(attempt);
        await pause(attempt, error);
      }
    }
  }

  /** Whether the server answers at all just now. */
  reachable() {
    return this.call("").then(() => true, (error) => !passing(error));
  }

  /** Note that something happened; notes travel together. */
  note(kind, data = {}) {
    this.notes.push({ kind, at: new Date().toISOString(), data });
    clearTimeout(this.soon);
    this.soon = setTimeout(() => this.deliver(), 1000);
  }

  async deliver(more) {
    if (!this.notes.length || !navigator.onLine) return;
    const events = this.notes.splice(0, NOTES_AT_ONCE);
    try {
      await this.call("events/", { events }, more);
    } catch (error) {
      if (passing(error)) this.notes.unshift(...events); // the next note takes them along
    }
  }
}
