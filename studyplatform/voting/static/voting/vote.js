// The voting page shows two pictures in one frame, times the answer, keeps it on this device and sends it; without a
// script the form does the same. "Saved" is said when the server has said so, and not before.

import { Page } from "./page.js";
import { Pictures } from "./pictures.js";
import { Refusal, Server, frame, sleep } from "./server.js";
import { Session } from "./session.js";
import { Stage, Watch } from "./stage.js";

const RING_MS = 120, MASK_MS = 250, DEAF_MS = 200, HINT_MS = 1200, FEEDBACK_MS = 900, SLOW_MS = 1000;
const AHEAD = 8, STUCK_MS = 60000, DAY_MS = 86400000, SKIPS_IN_A_ROW = 5;
const CHOICES = {
  ArrowLeft: "left", 1: "left", f: "left", ArrowRight: "right", 2: "right", j: "right", ArrowDown: "tie", 0: "tie",
};

const $ = (id) => document.getElementById(id);
const plain = (key) => (key.length === 1 ? key.toLowerCase() : key);
const duration = (ms) => Math.max(0, Math.min(DAY_MS, Math.round(ms)));
const reloaded = () => performance.getEntriesByType("navigation")[0]?.type === "reload";

/** For the instructions form. */
function tellWindow(form) {
  form.addEventListener("submit", () => {
    form.elements.width.value = innerWidth;
    form.elements.height.value = innerHeight;
    form.elements.ratio.value = devicePixelRatio;
  });
}

class Ballot {
  constructor(form) {
    this.form = form;
    form.classList.add("masked"); // nothing is seen before its clock runs
    this.tie = form.querySelector("[value=tie]");
    this.page = new Page();
    this.words = this.page.words;
    this.server = new Server(form.dataset.api, form.elements.csrfmiddlewaretoken.value);
    this.session = new Session(this.server, this.page, () => this.changed());
    this.stage = new Stage(form, (what) => this.page.speak(this.words[what]));
    const upcoming = () => this.session.waiting.slice(0, AHEAD + 1);
    this.pictures = new Pictures(upcoming, () => this.server.reachable());
    this.watch = new Watch();
    this.answer = null; // takes the answer to the pair that is shown; null while no answer is open
    this.readyAt = 0; // when the mask over the last pair ends
    this.ringUntil = 0;
    this.skips = 0;
  }

  async run() {
    const { session } = this;
    this.listen();
    await session.open();
    session.send().catch((error) => this.refused(error));
    this.restedAt = session.mainDone;
    const references = session.trials.some((t) => t.reference);
    for (const row of document.querySelectorAll("[data-needs=reference]")) row.hidden = !references;
    for (;;) {
      for (let trial; (trial = session.waiting[0]); ) {
        await this.announce(trial);
        const answer = await this.ask(trial);
        if (!answer) continue;
        await session.keep(trial, answer);
        if (trial.practice && session.plan.feedback) await this.feedback(trial);
      }
      await this.end();
    }
  }

  /** The plan or the answers are others than before. */
  changed() {
    const { session } = this;
    this.page.undoable(session.canUndo && this.answer && !session.queue.size);
    if (this.answer && session.waiting[0]?.id !== this.shownId) this.leave();
  }

  /** A refusal that stays: a session that this browser has no more, a study that rests, or one that is over. */
  async refused(error) {
    if (!(error instanceof Refusal)) throw error;
    const { queue } = this.session;
    // Where reloading did not help, the sentence has to.
    if ([401, 403].includes(error.status) && !reloaded()) return location.reload();
    // The start page waits for the study to go on; what is not sent yet stays on this device.
    if (error.code === "paused") return location.replace(this.form.dataset.landing);
    if (error.code === "withdrawn") await queue.keepOnly([]);
    this.stop();
    const sentence = error.message || this.words.refused;
    if (error.status === 410 && error.code !== "withdrawn") this.page.wayOut(sentence, queue);
    else this.page.say("stop", sentence);
  }

  stop() {
    this.answer = null;
    this.form.hidden = true;
  }

  // --- one pair ---

  /** What has to be said before a pair: practice is over, or it is time for a rest. */
  async announce(trial) {
    const { plan, mainDone, trials } = this.session;
    await this.covered;
    if (trial.practice) return;
    if (!mainDone && !this.announced && trials.some((t) => t.practice)) {
      this.announced = true;
      await this.dialog("counts-dialog");
    } else if (plan.break_every && mainDone % plan.break_every === 0 && mainDone > this.restedAt) {
      this.restedAt = mainDone;
      const since = performance.now();
      await this.dialog("break-dialog");
      this.server.note("break", { done: mainDone, ms: duration(performance.now() - since) });
    }
  }

  /** Show a pair and wait for its answer, or for null when another pair comes first. */
  async ask(trial) {
    const asked = performance.now();
    this.page.count(trial, this.session);
    const slow = setTimeout(() => this.page.say("picture", this.words.slow), SLOW_MS);
    let images;
    try {
      images = await this.pictures.of(trial);
    } catch {
      return this.skip(trial);
    } finally {
      clearTimeout(slow);
    }
    if (this.page.said.picture === this.words.slow) this.page.say("picture");
    this.loadMs = performance.now() - asked;
    await sleep(this.readyAt - performance.now());
    await this.covered;
    await frame();
    if (this.session.waiting[0] !== trial) return null;
    // All is decoded: one frame paints it, and the clock starts in the next.
    this.skips = 0;
    this.shownId = trial.id;
    this.page.question(trial.question);
    this.stage.set(images, this.session.plan);
    this.form.classList.remove("masked");
    await frame();
    return new Promise((answer) => {
      this.stage.expose(() => {
        this.t0 = performance.now();
        this.watch.begin(this.t0);
      });
      this.answer = answer;
      this.pictures.ahead();
      this.changed();
    });
  }

  /** The pair is taken away without an answer. */
  leave() {
    const { answer } = this;
    this.answer = null;
    this.form.classList.add("masked");
    this.readyAt = performance.now() + MASK_MS;
    answer(null);
  }

  /** A picture that cannot be had costs nothing: the pair is asked again at the end. */
  async skip(trial) {
    this.skips += 1;
    this.server.note("picture_failed", { position: trial.position });
    if (this.skips > SKIPS_IN_A_ROW) {
      this.stop();
      this.page.wayOut(this.words.noPictures, this.session.queue);
      await new Promise(() => {});
    }
    this.page.say("picture", this.words.skipped);
    return { choice: "skip", client: this.window() };
  }

  choose(choice, input, key) {
    const now = performance.now();
    if (choice === "tie" && !this.tie) return;
    if (!this.answer || now - this.t0 < DEAF_MS || !this.stage.enabled) return this.tooEarly(now);
    const { answer } = this;
    this.answer = null;
    this.page.say("conflict");
    this.page.say("picture");
    this.page.undoable(false);
    const vote = this.vote(choice, input, key, now);
    const box = this.stage.boxes[choice] || this.tie;
    box.classList.add("chosen");
    this.ringUntil = now + RING_MS;
    this.readyAt = this.ringUntil + MASK_MS;
    setTimeout(() => {
      box.classList.remove("chosen");
      this.form.classList.add("masked");
    }, RING_MS);
    answer(vote);
  }

  vote(choice, input, key, now) {
    const { stage, watch } = this;
    watch.tally(now);
    const passed = now - this.t0;
    const client = {
      input,
      ...this.window(),
      shown: stage.shown,
      load_ms: duration(this.loadMs),
      blur_ms: duration(watch.blurMs),
      blurs: watch.blurs,
      visible_ms: duration(passed - watch.awayMs),
      flips: stage.flips,
      zooms: stage.zooms,
      reference_ms: duration(stage.referred),
    };
    if (key) client.key = key;
    return { choice, rt_ms: duration(passed), shown_at: new Date(Date.now() - passed).toISOString(), client };
  }

  window() {
    return { viewport: [innerWidth, innerHeight], dpr: devicePixelRatio, layout: this.stage.layout };
  }

  tooEarly(now) {
    if (now < this.ringUntil) return; // the second half of a double click
    const both = this.answer && this.stage.layout === "flip" && !this.stage.enabled;
    this.page.hint(both ? this.words.both : this.words.early, HINT_MS);
  }

  /** Say whether a practice answer was right, if the server answers in time. */
  async feedback(trial) {
    const late = sleep(SLOW_MS).then(() => true);
    while (!trial.receipt) if (await Promise.race([this.session.change(), late])) return;
    const { correct } = trial.receipt;
    if (typeof correct !== "boolean") return;
    await sleep(this.ringUntil - performance.now());
    this.page.hint(correct ? this.words.right : this.words.wrong, FEEDBACK_MS);
    await sleep(FEEDBACK_MS);
  }

  async undo() {
    const { answer, session } = this;
    if (!answer) return;
    this.answer = null; // the pair stays in sight while the server is asked
    const done = await session.undo();
    this.answer = answer;
    if (done) this.page.speak(this.words.undone);
    this.changed();
  }

  // --- the end ---

  /** Wait until every answer is there; returns when there is something to answer again. */
  async end() {
    const { page, session } = this;
    this.form.hidden = true;
    const stuck = setTimeout(() => page.wayOut(this.words.stuck, session.queue), STUCK_MS);
    while (session.queue.size && !session.waiting.length) {
      page.say("sending", this.words.sending);
      await session.change();
    }
    if (!session.waiting.length) await this.finish();
    clearTimeout(stuck);
    page.say("sending");
    page.noWayOut();
    this.form.hidden = false;
  }

  async finish() {
    const { session } = this;
    try {
      await session.patiently(() => this.server.call("finish/", {}));
    } catch (refusal) {
      // The server knows of something unanswered; any other refusal is told by the page that it leads to.
      if (refusal.status === 409) await session.catchUp();
      if (session.waiting.length) return;
      if (refusal.status === 409) throw refusal;
    }
    location.assign(this.form.dataset.thanks);
    await new Promise(() => {});
  }

  // --- hands ---

  /** Cover the pictures until the dialog is closed; that time does not count as looking. */
  async dialog(id) {
    await this.stage.exposed; // a picture that is on for a second is not covered within it
    if (this.page.busy) return;
    const { session } = this;
    const { n, total } = session.place(session.waiting[0]);
    await sleep(this.ringUntil - performance.now());
    this.watch.set("dialog", true);
    this.covered = this.page.dialog(id, { n: n - 1, total });
    await this.covered;
    this.watch.set("dialog", false);
  }

  async pause() {
    this.server.note("pause");
    await this.dialog("pause-dialog");
    this.server.note("resume");
  }

  help() {
    this.server.note("help");
    return this.dialog("help-dialog");
  }

  listen() {
    this.listenKeys();
    let pointer = "";
    this.form.addEventListener("pointerdown", (event) => (pointer = event.pointerType));
    this.form.addEventListener("click", (event) => (pointer = event.detail ? pointer : "")); // 0: from the keyboard
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (event.submitter) this.choose(event.submitter.value, pointer || "keyboard", pointer ? "" : "Enter");
    });
    for (const tool of ["help", "pause", "undo"]) {
      $(tool).hidden = tool === "undo" && !("undo" in this.form.dataset);
      $(tool).addEventListener("click", (event) => {
        event.preventDefault();
        if (this.session.waiting.length) this[tool]();
      });
    }
    const look = () => {
      const away = document.hidden || !document.hasFocus();
      if (this.watch.set("blur", away) && away) this.server.note("blur");
    };
    for (const kind of ["blur", "focus", "visibilitychange"]) addEventListener(kind, look, true);
    for (const kind of ["offline", "online"]) addEventListener(kind, () => this.server.note(kind));
    addEventListener("beforeunload", (event) => {
      const { queue } = this.session;
      if (queue?.inMemory && queue.size) event.preventDefault();
    });
    addEventListener("pagehide", () => this.server.deliver({ keepalive: true }));
    if (reloaded()) this.server.note("reload");
  }

  listenKeys() {
    const letters = $("letters");
    const apply = () => document.body.classList.toggle("no-letters", !letters.checked);
    try {
      letters.checked = localStorage.getItem("eyeballot-letters") !== "off";
    } catch {} // a browser that keeps nothing is asked each time
    apply();
    letters.addEventListener("change", () => {
      apply();
      try {
        localStorage.setItem("eyeballot-letters", letters.checked ? "on" : "off");
      } catch {}
      this.server.note("keys", { letters: Number(letters.checked) });
    });
    document.addEventListener("keydown", (event) => this.press(event));
    document.addEventListener("keyup", (event) => {
      if (plain(event.key) === "r") this.stage.refer(false);
      if (this.flips(event)) event.preventDefault(); // some browsers press the button only now
    });
  }

  /** Whether this is Space where it flips instead of pressing what has the focus. */
  flips(event) {
    return event.key === " " && this.stage.flippable && !event.target.closest("header, dialog");
  }

  press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || this.page.busy || !this.session.waiting.length) return;
    // A key held down chooses once, also Enter on a button.
    if (event.repeat && this.form.contains(event.target)) event.preventDefault();
    if (event.repeat || (event.key.length === 1 && event.key !== " " && !$("letters").checked)) return;
    const action = this.action(plain(event.key), event);
    if (!action) return;
    event.preventDefault();
    action();
  }

  /** What a key does here; nothing for keys that are not ours. */
  action(key, event) {
    const { stage } = this;
    if (event.shiftKey && key.startsWith("Arrow")) return stage.zoomed && (() => stage.step(key));
    if (CHOICES[key]) return () => this.choose(CHOICES[key], "keyboard", event.key);
    if (key === " ") return this.flips(event) && (() => this.answer && stage.flip());
    return {
      r: () => this.answer && stage.hasReference && stage.refer(true),
      z: () => this.answer && stage.zoom(),
      u: () => this.undo(),
      p: () => this.pause(),
      "?": () => this.help(),
    }[key];
  }
}

const ballot = $("ballot");
if (ballot) {
  const voting = new Ballot(ballot);
  voting.run().catch((error) => voting.refused(error));
}
if ($("window-size")) tellWindow($("window-size").form);
// A page kept in the browser's memory does not know what happened since.
addEventListener("pageshow", (event) => event.persisted && location.reload());
