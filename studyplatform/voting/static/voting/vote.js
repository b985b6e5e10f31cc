// The trial page. It shows two pictures in one frame, times the answer and sends one vote at a time; the plain form
// under it does the same without a script. A vote counts when the server has said so, and not before.

const RING_MS = 120, MASK_MS = 250, DEAF_MS = 200, AHEAD = 3;
const KEYS = { ArrowLeft: "left", 1: "left", f: "left", ArrowRight: "right", 2: "right", j: "right", ArrowDown: "tie", 0: "tie" };

const $ = (id) => document.getElementById(id);
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const frame = () => new Promise((done) => requestAnimationFrame(done));
const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);

/** Random version 4 UUID, also where the page is not served over HTTPS. */
function newUuid() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const b = crypto.getRandomValues(new Uint8Array(16));
  b[6] = (b[6] & 15) | 64;
  b[8] = (b[8] & 63) | 128;
  const hex = [...b].map((x) => x.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/** Tell the size of the window with the instructions form. */
function tellWindow(form) {
  form.addEventListener("submit", () => {
    form.elements.width.value = innerWidth;
    form.elements.height.value = innerHeight;
    form.elements.ratio.value = devicePixelRatio;
  });
}

class Refusal extends Error {
  constructor(status, body) {
    super(body.detail || "");
    this.status = status;
    this.code = body.code || "";
  }
}

class Ballot {
  constructor(form) {
    this.form = form;
    this.api = form.dataset.api;
    this.words = $("words").dataset;
    this.boxes = { left: form.querySelector("[value=left]"), right: form.querySelector("[value=right]") };
    this.tie = form.querySelector("[value=tie]");
    this.token = form.elements.csrfmiddlewaretoken.value;
    this.loaded = new Map(); // pair id -> promise of its decoded pictures
    this.ready = false; // both pictures are painted and no answer is given yet
    this.sending = Promise.resolve();
    this.unsaved = false;
    this.blurred = { since: null, total: 0 };
  }

  async run() {
    this.listen();
    const plan = await this.patiently(() => this.call("plan/"));
    this.trials = plan.trials;
    this.at = this.trials.findIndex((t) => !t.answered);
    if (this.at < 0) return this.finish();
    this.answered = this.trials.filter((t) => t.answered).length;
    this.tellConflict();
    await this.show();
  }

  // --- the server -------------------------------------------------------------------------------------------------

  async call(path, body) {
    const answer = await fetch(this.api + path, {
      method: body ? "POST" : "GET",
      headers: { "Content-Type": "application/json", "X-CSRFToken": this.token },
      body: body && JSON.stringify(body),
      cache: "no-store",
    });
    if (answer.ok) return answer.json();
    throw new Refusal(answer.status, await answer.json().catch(() => ({})));
  }

  /** Repeat while the network or the server is away, ever more slowly and never in step with others. */
  async patiently(action, text = this.words.network) {
    for (let attempt = 0; ; attempt += 1) {
      try {
        const result = await action();
        this.say(null);
        return result;
      } catch (error) {
        if (error instanceof Refusal && error.status < 500 && error.status !== 429) throw error;
        if (attempt > 0) {
          this.say(text);
          this.mark("waiting");
        }
        const pause = Math.min(15000, 400 * 2 ** attempt) * (0.5 + Math.random());
        await Promise.race([sleep(pause), new Promise((go) => addEventListener("online", go, { once: true }))]);
      }
    }
  }

  async send(vote) {
    this.unsaved = true;
    this.mark("saving");
    try {
      await this.patiently(() => this.call("votes/", vote));
    } catch (refusal) {
      this.unsaved = false;
      // Another tab was faster, or the order is lost: the server knows where this session stands.
      if (refusal.code === "conflict") this.keepConflict();
      if ([401, 409].includes(refusal.status) && refusal.code !== "paused") location.reload();
      else this.stop(refusal.message);
      throw refusal;
    }
    this.unsaved = false;
    this.answered += 1;
    $("answered").textContent = this.answered;
    this.mark("saved");
    const { length } = this.trials;
    const next = Math.min(this.answered + 1, length);
    $("status").textContent = this.answered < length ? fill(this.words.said, { n: next, total: length }) : this.words.last;
  }

  async finish() {
    // If the server disagrees, that page leads to what is left to do.
    await this.patiently(() => this.call("finish/", {})).catch(() => {});
    location.assign(this.form.dataset.thanks);
  }

  // --- the pictures -----------------------------------------------------------------------------------------------

  /** The decoded pictures of a pair; loading begins with the first call. */
  load(trial) {
    if (!this.loaded.has(trial.id)) {
      const one = async (picture) => {
        if (!picture) return null;
        return this.patiently(async () => {
          const image = new Image(picture.width, picture.height);
          image.alt = "";
          image.src = picture.src;
          await image.decode();
          return image;
        }, this.words.picture);
      };
      this.loaded.set(trial.id, Promise.all([one(trial.left), one(trial.right), one(trial.reference)]));
    }
    return this.loaded.get(trial.id);
  }

  /** Paint the current pair: everything decoded first, then one frame, then the clock. */
  async show(unmaskAt = 0) {
    const trial = this.trials[this.at];
    const asked = performance.now();
    const [left, right, reference] = await this.load(trial);
    this.loadMs = performance.now() - asked;
    await sleep(unmaskAt - performance.now());
    await frame();
    this.place(this.boxes.left.querySelector("img"), left);
    this.place(this.boxes.right.querySelector("img"), right);
    this.refer(reference);
    this.ask(trial.question);
    this.form.classList.remove("masked");
    await frame();
    this.t0 = performance.now();
    this.blurred = { since: document.hasFocus() ? null : this.t0, total: 0 };
    this.ready = true;
    if (this.at > 0) this.loaded.delete(this.trials[this.at - 1].id);
    for (const later of this.trials.slice(this.at + 1, this.at + 1 + AHEAD)) this.load(later);
  }

  place(old, image) {
    const style = this.form.style;
    // Small pictures are enlarged to twice their size at most: what is compared are pixels, not an upscaler.
    style.setProperty("--cap-width", `${Math.max(320, image.width * 2)}px`);
    style.setProperty("--cap-height", `${Math.max(320, image.height * 2)}px`);
    style.setProperty("--shape", image.width / image.height);
    this.form.classList.add("fitted");
    old.replaceWith(image);
  }

  refer(image) {
    const figure = this.form.querySelector(".reference");
    figure.hidden = !image;
    this.form.classList.toggle("with-reference", Boolean(image));
    if (!image) return;
    image.alt = this.words.reference;
    figure.querySelector("img")?.remove();
    figure.prepend(image);
  }

  ask(question) {
    const heading = $("question");
    if (heading.textContent === question) return;
    heading.textContent = document.title = question;
    heading.classList.add("fresh");
    setTimeout(() => heading.classList.remove("fresh"), 2500);
    $("status").textContent = fill(this.words.question, { question });
  }

  // --- the answer -------------------------------------------------------------------------------------------------

  async choose(choice, input, key) {
    const now = performance.now();
    if (!this.ready || now - this.t0 < DEAF_MS || (choice === "tie" && !this.tie)) return;
    this.ready = false;
    $("notice").hidden = true;
    const vote = this.vote(choice, input, key, now);
    const box = this.boxes[choice] || this.tie;
    box.classList.add("chosen");
    const ring = sleep(RING_MS).then(() => {
      box.classList.remove("chosen");
      this.form.classList.add("masked");
    });
    try {
      await Promise.all([ring, this.sending]); // at most one vote is on its way
      this.sending = this.send(vote);
      this.sending.catch(() => {}); // told to the participant in send()
      this.at += 1;
      if (this.at < this.trials.length) return await this.show(now + RING_MS + MASK_MS);
      await this.sending;
      await this.finish();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
    }
  }

  vote(choice, input, key, now) {
    this.pauseBlur(now);
    const seen = this.boxes.left.querySelector("img").getBoundingClientRect();
    const client = {
      input,
      viewport: [innerWidth, innerHeight],
      dpr: devicePixelRatio,
      shown: [Math.round(seen.width), Math.round(seen.height)],
      load_ms: Math.round(this.loadMs),
      blur_ms: Math.round(this.blurred.total),
    };
    if (key) client.key = key;
    return {
      uuid: newUuid(),
      trial: this.trials[this.at].id,
      choice,
      rt_ms: Math.round(now - this.t0),
      shown_at: new Date(Date.now() - (now - this.t0)).toISOString(),
      client,
    };
  }

  pauseBlur(now) {
    if (this.blurred.since !== null) this.blurred.total += now - this.blurred.since;
    this.blurred.since = null;
  }

  // --- the page ---------------------------------------------------------------------------------------------------

  listen() {
    let pointer = "";
    this.form.addEventListener("pointerdown", (event) => (pointer = event.pointerType));
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (!event.submitter) return;
      this.choose(event.submitter.value, pointer || "keyboard", pointer ? "" : "Enter");
      pointer = "";
    });
    document.addEventListener("keydown", (event) => {
      // A key held down chooses once, also Enter on a button.
      if (event.repeat && this.form.contains(event.target)) event.preventDefault();
      if (event.repeat || event.ctrlKey || event.metaKey || event.altKey || $("help-dialog").open) return;
      if (event.key === "?") return this.help(event);
      const choice = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
      if (!choice) return;
      event.preventDefault();
      this.choose(choice, "keyboard", event.key);
    });
    $("help").addEventListener("click", (event) => this.help(event));
    $("help-dialog").addEventListener("close", () => this.pauseBlur(performance.now()));
    addEventListener("blur", () => (this.blurred.since ??= performance.now()));
    addEventListener("focus", () => this.pauseBlur(performance.now()));
    addEventListener("beforeunload", (event) => this.unsaved && event.preventDefault());
    // A page kept in the browser's memory does not know what happened since.
    addEventListener("pageshow", (event) => event.persisted && location.reload());
  }

  help(event) {
    event.preventDefault();
    this.blurred.since ??= performance.now();
    $("help-dialog").showModal();
  }

  mark(state) {
    $("saved").dataset.state = state;
    $("saved-text").textContent = this.words[state];
  }

  /** Show a sentence, or take away the one that was shown here (not one that came with the page). */
  say(sentence) {
    if (!sentence && !this.saying) return;
    this.saying = Boolean(sentence);
    $("notice").hidden = !sentence;
    if (sentence && $("notice").textContent !== sentence) $("status").textContent = sentence;
    $("notice").textContent = sentence || "";
  }

  /** Remember over the reload that this pair was answered otherwise elsewhere. */
  keepConflict() {
    try {
      sessionStorage.setItem(this.api, "conflict");
    } catch {} // a browser that stores nothing is led on without the sentence
  }

  tellConflict() {
    try {
      if (!sessionStorage.getItem(this.api)) return;
      sessionStorage.removeItem(this.api);
    } catch {
      return;
    }
    $("notice").textContent = $("status").textContent = this.words.conflict;
    $("notice").hidden = false;
  }

  stop(sentence) {
    this.ready = false;
    this.form.hidden = true;
    this.say(sentence);
  }
}

const ballot = $("ballot");
if (ballot) {
  const page = new Ballot(ballot);
  page.run().catch((error) => (error instanceof Refusal && error.status === 401 ? location.reload() : page.stop(error.message)));
}
const size = $("window-size");
if (size) {
  tellWindow(size.form);
  addEventListener("pageshow", (event) => event.persisted && location.reload()); // "the first pair" may be answered by now
}
