// Answers that have not reached the server yet. Each is in the browser's own database before the next pair is shown, so
// that no reload, crash or dead line costs one.

const OPEN_MS = 2000; // a database that is not open by then is done without

const answered = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

function connect() {
  const request = indexedDB.open("eyeballot", 1);
  request.onupgradeneeded = () => request.result.createObjectStore("answers", { keyPath: ["study", "trial"] });
  const tooLate = new Promise((_, reject) => setTimeout(reject, OPEN_MS));
  return Promise.race([answered(request), tooLate]);
}

export class Queue {
  /** The answers to one study; `study` is the address of its session. Without a database they are kept in memory. */
  static async open(study) {
    const queue = new Queue(study);
    try {
      queue.database = await connect();
      await queue.read();
    } catch {
      queue.inMemory = true; // a private window or a full disk: the tab itself has to last
    }
    return queue;
  }

  constructor(study) {
    this.study = study;
    this.entries = new Map(); // trial -> {study, trial, left, vote}
    this.inMemory = false;
  }

  get size() {
    return this.entries.size;
  }

  /** Take in what lies in the database, also what another tab has put there. */
  async read() {
    const all = await answered(this.database.transaction("answers").objectStore("answers").getAll());
    for (const entry of all) if (entry.study === this.study) this.entries.set(entry.trial, entry);
  }

  /** Keep the answer to a pair; gives the one that stands, which is another tab's if that was faster. */
  async add(pair, vote) {
    const entry = { study: this.study, trial: pair.id, left: pair.left.src, vote };
    try {
      await this.write((store) => store.add(entry)); // never "put": the first answer stands
    } catch (error) {
      if (error?.name === "ConstraintError") {
        await this.read();
        const standing = this.entries.get(pair.id);
        if (standing) return standing.vote;
      }
      this.inMemory = true;
    }
    this.entries.set(pair.id, entry);
    return vote;
  }

  async drop(trial) {
    this.entries.delete(trial);
    // What cannot be deleted is sent once more at the next start, and stays one vote.
    await this.write((store) => store.delete([this.study, trial])).catch(() => {});
  }

  /** Drop what the server does not wait for: pairs that have an answer, and pairs of other people or times. */
  async keepOnly(trials) {
    const open = new Map(trials.filter((t) => !t.answered).map((t) => [t.id, t.left.src]));
    // The same number with other pictures is a pair of another time.
    for (const [trial, entry] of [...this.entries]) if (open.get(trial) !== entry.left) await this.drop(trial);
  }

  /** Change the database; done when the change would survive the browser. */
  write(change) {
    return new Promise((resolve, reject) => {
      const transaction = this.database.transaction("answers", "readwrite", { durability: "strict" });
      transaction.oncomplete = resolve;
      transaction.onabort = () => reject(transaction.error);
      change(transaction.objectStore("answers"));
    });
  }

  /** The answers as a file that a participant can send to the researchers. */
  file() {
    return new Blob([JSON.stringify([...this.entries.values()], null, 1)], { type: "application/json" });
  }
}
