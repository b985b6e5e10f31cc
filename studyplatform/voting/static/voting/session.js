// Where a session stands: the plan, the answers kept on this device, and their way to the server, one after the other.

import { Queue } from "./queue.js";
import { newUuid, pause, passing } from "./server.js";

const SENTENCE_MS = 6000;

export class Session {
  /** `page` is told how things stand; `changed` is called whenever the plan or the answers are others than before. */
  constructor(server, page, changed) {
    Object.assign(this, { server, page, changed });
    this.plan = {};
    this.trials = [];
    this.waits = [];
  }

  async open() {
    this.queue = await Queue.open(this.server.api);
    await this.patiently(() => this.read());
  }

  async patiently(action) {
    const answer = await this.server.patiently(action, (attempt) => this.trouble(attempt));
    this.back();
    return answer;
  }

  back() {
    this.away = false;
    this.page.say("network");
    if (!this.queue.size) this.page.mark(this.trials.some((t) => t.answered) ? "saved" : "ready");
  }

  /** Ask the server for the plan, and match what is kept here with it. */
  async read() {
    this.plan = await this.server.call("plan/");
    this.trials = this.plan.trials;
    await this.queue.keepOnly(this.trials);
    this.canUndo = this.plan.undoable;
  }

  change() {
    return new Promise((go) => this.waits.push(go));
  }

  tell() {
    for (const go of this.waits.splice(0)) go();
    this.changed();
  }

  done(trial) {
    return trial.answered || this.queue.entries.has(trial.id);
  }

  get waiting() {
    return this.trials.filter((t) => !this.done(t));
  }

  get mainDone() {
    return this.trials.filter((t) => !t.practice && this.done(t)).length;
  }

  /** Where a pair stands among its kind; practice is counted apart. */
  place(trial) {
    const same = this.trials.filter((t) => t.practice === trial.practice);
    return { n: same.filter((t) => t !== trial && this.done(t)).length + 1, total: same.length };
  }

  /** Write an answer down before anything else is shown; then it is on its way. */
  async keep(trial, answer) {
    const vote = { uuid: newUuid(), trial: trial.id, ...answer };
    const standing = await this.queue.add(trial, vote);
    if (standing.choice !== vote.choice) this.page.say("conflict", this.page.words.conflict);
    if (this.away) this.page.mark("waiting", this.queue.size);
    if (this.away && this.queue.inMemory) this.page.say("network", this.page.words.network);
    else if (this.away && this.waiting.length) this.page.speakPlace("heldBack", this);
    this.tell();
  }

  /** For ever: send the answer that the server waits for, as soon as there is one. A refusal that stays is thrown. */
  async send() {
    for (let attempt = 0; ; ) {
      const trial = this.trials.find((t) => !t.answered);
      const vote = trial && this.queue.entries.get(trial.id)?.vote;
      if (!vote) {
        await this.change();
        continue;
      }
      if (!attempt) this.page.mark("saving");
      try {
        await this.stored(trial, vote, await this.server.call("votes/", vote));
        attempt = 0;
      } catch (error) {
        if (error.code === "conflict") this.page.say("conflict", this.page.words.conflict);
        else if (!passing(error) && error.code !== "out_of_order") throw error;
        else {
          this.trouble(attempt);
          await pause(attempt, error);
          attempt += 1;
        }
        // Another tab was faster, or took an answer back: the server knows where this session stands.
        if (error.status === 409) await this.catchUp();
      }
    }
  }

  async stored(trial, vote, receipt) {
    trial.answered = true;
    trial.receipt = receipt;
    if (receipt.appended && !this.trials.some((t) => t.id === receipt.appended.id)) {
      this.trials.splice(this.trials.indexOf(trial), 1);
      this.trials.push(receipt.appended);
    }
    await this.queue.drop(trial.id);
    const first = !trial.practice && vote.choice !== "skip" && trial.id !== this.redone;
    this.canUndo = this.plan.allow_undo && first;
    this.back();
    if (this.waiting.length) this.page.speakPlace("said", this);
    else if (!this.queue.size) this.page.speak(this.page.words.last);
    this.tell();
  }

  async catchUp() {
    await this.patiently(() => this.read());
    this.tell();
  }

  trouble(attempt) {
    const { page, queue } = this;
    page.mark("waiting", queue.size);
    if (this.away || (!attempt && navigator.onLine)) return;
    this.away = true;
    page.say("network", queue.size && !queue.inMemory ? page.words.kept : page.words.network);
    // The bar goes on saying it; the sentence must not stay on a picture that is to be judged.
    if (queue.size) setTimeout(() => page.say("network"), SENTENCE_MS);
  }

  /** Take the last answer back, once; says whether that was done. */
  async undo() {
    if (!this.canUndo || this.queue.size) return false;
    this.canUndo = false;
    try {
      this.redone = (await this.server.call("undo/", {})).trial.id;
    } catch (error) {
      this.canUndo = passing(error);
      if (this.canUndo) this.page.say("conflict", this.page.words.notUndone);
      return false;
    }
    await this.patiently(() => this.read());
    this.canUndo = false;
    return true;
  }
}
