// Where the pictures stand: side by side, in one place, or one after the other for a fixed time; the reference in their
// place on demand; all of them in true size, moved together.

import { frame } from "./server.js";

const SIDES = ["left", "right"], HOLD_MS = 250, DRAG_PX = 4, STEP_PX = 80;
const upright = matchMedia("(max-width: 720px) and (orientation: portrait)");

/** How long a pair was on the screen unseen: window left, page hidden, dialog over it. */
export class Watch {
  constructor() {
    this.reasons = new Set();
    this.begin();
  }

  begin(now = performance.now()) {
    this.at = now;
    this.blurMs = this.awayMs = 0;
    this.blurs = this.reasons.has("blur") ? 1 : 0;
  }

  /** Count up to now. */
  tally(now = performance.now()) {
    const passed = now - this.at;
    if (this.reasons.size) this.awayMs += passed;
    if (this.reasons.has("blur")) this.blurMs += passed;
    this.at = now;
  }

  /** A reason not to look ("blur", "dialog") begins or ends; says whether that is news. */
  set(reason, on) {
    if (on === this.reasons.has(reason)) return false;
    this.tally();
    if (on && reason === "blur") this.blurs += 1;
    this.reasons[on ? "add" : "delete"](reason);
    return true;
  }
}

export class Stage {
  /** `told` hears whatever a participant should be told: "first", "second", "reference", "pair". */
  constructor(form, told) {
    this.form = form;
    this.told = told;
    this.pair = form.querySelector(".pair");
    this.view = form.querySelector(".view");
    this.boxes = Object.fromEntries(SIDES.map((side) => [side, form.querySelector(`[value=${side}]`)]));
    this.frames = Object.fromEntries(SIDES.map((side) => [side, this.boxes[side].querySelector(".frame")]));
    this.figure = form.querySelector(".reference");
    this.flipper = form.querySelector("#flip");
    this.referrer = form.querySelector("#refer");
    this.exposed = Promise.resolve();
    this.turn = 0;
    this.listen();
  }

  /** Put a pair into its place, as the plan wants it, in one go; what was flipped, enlarged or moved before is over. */
  set([left, right, reference], plan) {
    this.turn += 1;
    this.exposure = plan.exposure_ms;
    this.layout = plan.layout;
    if (upright.matches && plan.layout === "side_by_side") this.layout = plan.phone_layout;
    const onDemand = plan.layout === "flip_reference" || plan.reference_place === "hold";
    this.refer(false);
    this.flips = this.zooms = this.referenceMs = 0;
    this.seen = new Set(["left"]);
    this.moved = this.held = false;
    this.arrange(this.layout === "flip");
    this.size(left);
    for (const [side, image] of [["left", left], ["right", right]]) {
      this.frames[side].replaceChildren(image);
      if (reference && onDemand) this.frames[side].append(reference.cloneNode());
    }
    this.show("left");
    this.zoom(false);
    const above = Boolean(reference) && !onDemand;
    this.figure.hidden = !above;
    this.form.classList.toggle("with-reference", above);
    if (above) {
      reference.alt = this.figure.dataset.alt;
      this.figure.querySelector("img")?.remove();
      this.figure.prepend(reference);
    }
    this.hasReference = Boolean(reference) && onDemand;
    this.flipper.hidden = this.layout !== "flip";
    this.referrer.hidden = !this.hasReference;
    for (const side of SIDES) this.cover(side, this.layout === "timed");
    this.enable(this.layout !== "flip" && this.layout !== "timed");
    this.form.classList.add("fitted");
  }

  /** One place for both pictures, with the buttons under it; or each picture on its button. */
  arrange(flip) {
    this.form.classList.toggle("flip", flip);
    this.view.hidden = !flip;
    if (flip) this.view.append(...SIDES.map((side) => this.frames[side]));
    else for (const side of SIDES) this.boxes[side].prepend(this.frames[side]);
  }

  size({ width, height }) {
    const { style } = this.form;
    // Small pictures are enlarged to twice their size at most: what is compared are pixels, not an upscaler.
    style.setProperty("--cap-width", `${Math.max(320, width * 2)}px`);
    style.setProperty("--cap-height", `${Math.max(320, height * 2)}px`);
    style.setProperty("--shape", width / height);
    style.setProperty("--true-width", `${width / devicePixelRatio}px`);
  }

  /** Whether a box may be chosen now; one that may not says why when it is pressed. */
  enable(on) {
    this.enabled = on;
    for (const side of SIDES) this.boxes[side].setAttribute("aria-disabled", String(!on));
  }

  cover(side, on) {
    this.frames[side].classList.toggle("covered", on);
  }

  /** Show left, then right, each for the study's time; then the choice is open. `begun` is called with the clock. */
  expose(begun) {
    if (this.layout !== "timed") return begun();
    const { turn } = this;
    const run = async () => {
      for (const side of SIDES) {
        this.cover(side, false);
        await frame();
        const since = performance.now();
        if (side === "left") begun();
        while (performance.now() - since < this.exposure - 4) await frame();
        if (turn !== this.turn) return; // another pair has taken the place
        this.cover(side, true);
      }
      this.enable(true);
    };
    this.exposed = run();
  }

  get shown() {
    const { width, height } = this.frames[this.showing].querySelector("img").getBoundingClientRect();
    return [Math.round(width), Math.round(height)];
  }

  // --- flipping, the reference, true size ---

  show(side) {
    this.showing = side;
    for (const one of SIDES) {
      this.frames[one].classList.toggle("behind", this.layout === "flip" && one !== side);
      this.boxes[one].classList.toggle("showing", this.layout === "flip" && one === side);
    }
  }

  flip() {
    this.flips += 1;
    if (this.layout !== "flip") return this.refer(!this.referring);
    this.show(this.showing === "left" ? "right" : "left");
    this.seen.add(this.showing);
    if (this.seen.size === 2) this.enable(true);
    this.told(this.showing === "left" ? "first" : "second");
  }

  /** How long the reference has been shown on demand, in milliseconds. */
  get referred() {
    return this.referenceMs + (this.referring ? performance.now() - this.referring : 0);
  }

  refer(on) {
    if (on === Boolean(this.referring)) return;
    this.referenceMs = this.referred;
    this.referring = on ? performance.now() : 0;
    this.form.classList.toggle("referring", on);
    this.referrer.setAttribute("aria-pressed", String(on));
    this.told(on ? "reference" : "pair");
  }

  zoom(on = !this.zoomed) {
    if (this.layout === "timed" && on) return;
    this.zoomed = on;
    if (on) this.zooms += 1;
    this.form.classList.toggle("zoomed", on);
    this.panX = this.panY = 0;
    this.pan(0, 0);
  }

  /** Move all enlarged pictures together, no farther than their edges. */
  pan(x, y) {
    const view = this.frames[this.showing].getBoundingClientRect();
    const { width, height } = this.frames[this.showing].querySelector("img").getBoundingClientRect();
    const within = (at, room) => Math.max(-room, Math.min(room, at));
    this.panX = within(this.panX + x, Math.max(0, (width - view.width) / 2));
    this.panY = within(this.panY + y, Math.max(0, (height - view.height) / 2));
    this.form.style.setProperty("--pan-x", `${this.panX}px`);
    this.form.style.setProperty("--pan-y", `${this.panY}px`);
  }

  step(key) {
    const [x, y] = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[key];
    this.pan(x * STEP_PX, y * STEP_PX);
  }

  // --- the pointer on the pictures ---

  get flippable() {
    return this.layout === "flip" || (this.layout === "flip_reference" && this.hasReference);
  }

  listen() {
    let from = null, wait = 0;
    const release = () => {
      clearTimeout(wait);
      from = null;
      if (this.held) this.flip();
      this.held = false;
    };
    const hold = () => {
      this.held = true;
      this.moved = this.layout !== "flip"; // on a button, letting go must not choose
      this.flip();
    };
    this.pair.addEventListener("pointerdown", (event) => {
      this.moved = false;
      if (!event.target.closest(".frame") || event.button) return;
      from = [event.clientX, event.clientY];
      if (this.zoomed || !this.flippable || this.form.classList.contains("masked")) return;
      // In one place a press flips at once; on a button it may still become a choice.
      if (this.layout === "flip") hold();
      else wait = setTimeout(hold, HOLD_MS);
    });
    addEventListener("pointermove", (event) => {
      if (!from || !this.zoomed) return;
      const [x, y] = [event.clientX - from[0], event.clientY - from[1]];
      if (!this.moved && Math.hypot(x, y) < DRAG_PX) return;
      this.moved = true;
      from = [event.clientX, event.clientY];
      this.pan(x, y);
    });
    for (const end of ["pointerup", "pointercancel", "blur"]) addEventListener(end, release);
    // A press that moved or held the pictures is no choice.
    const swallow = (event) => {
      if (!this.moved) return;
      event.preventDefault();
      event.stopPropagation();
      this.moved = false;
    };
    this.pair.addEventListener("click", swallow, true);
    this.pair.addEventListener("contextmenu", (event) => event.preventDefault());
    this.flipper.addEventListener("click", () => this.flip());
    this.listenReferrer();
  }

  /** The button shows the reference while it is pressed; pressed from the keyboard it switches. */
  listenReferrer() {
    const held = () => this.layout !== "flip_reference";
    this.referrer.addEventListener("pointerdown", () => held() && this.refer(true));
    for (const end of ["pointerup", "pointercancel", "pointerleave"]) {
      this.referrer.addEventListener(end, () => held() && this.refer(false));
    }
    this.referrer.addEventListener("click", (event) => {
      if (!held()) this.flip();
      else if (event.detail === 0) this.refer(!this.referring);
    });
  }
}
