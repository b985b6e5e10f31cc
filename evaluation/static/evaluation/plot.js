// Loss across, preference score up: thumbnails that one can point at, step through, choose, and drag a rectangle round.

import { el, plain, signed, unbroken } from "./dom.js";

const DRAG_PX = 5;

/** About five round numbers between `low` and `high`. */
export function ticks(low, high) {
  const rough = (high - low) / 5 || 1, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((f) => f * power).find((s) => s >= rough);
  const first = Math.ceil(low / step), count = Math.floor(high / step) - first + 1;
  return Array.from({ length: Math.max(0, count) }, (_, i) => (first + i) * step);
}

export class Plot {
  /** `seen(point)` hears what is pointed at, `chosen(points)` what was chosen. */
  constructor(place, seen, chosen) {
    Object.assign(this, { place, seen, told: chosen, keys: new Set(), points: [], buttons: [] });
  }

  draw(points, { across, up, empty }) {
    this.points = points;
    this.keys = new Set(points.filter((p) => this.keys.has(p.key)).map((p) => p.key));
    if (!points.length) {
      this.buttons = [];
      this.place.replaceChildren(el("p", { className: "muted", textContent: empty }));
      return this.mark();
    }
    this.area = el("div", { className: "area", role: "group", "aria-label": "Pictures by loss and score" });
    this.area.classList.toggle("crowded", points.length > 40);
    const x = scale(points.map((p) => p.x)), y = scale(points.flatMap((p) => [p.low ?? p.y, p.high ?? p.y]));
    for (const tick of ticks(x.low, x.high)) this.area.append(line("down", { left: x.at(tick) }, plain(tick)));
    for (const tick of ticks(y.low, y.high)) this.area.append(line("over", { bottom: y.at(tick) }, plain(tick)));
    for (const point of points) {
      if (point.low !== null) {
        const box = { left: x.at(point.x), bottom: y.at(point.low), height: y.at(point.high) - y.at(point.low) };
        this.area.append(placed(el("span", { className: "whisker" }), box));
      }
    }
    this.buttons = points.map((point) => placed(this.button(point), { left: x.at(point.x), bottom: y.at(point.y) }));
    this.area.append(...this.buttons);
    this.place.replaceChildren(
      el("p", { className: "up", textContent: up }), this.area, el("p", { className: "across", textContent: across }),
    );
    this.step(0, false);
    this.listen();
    this.mark();
  }

  button(point) {
    const kind = `${point.minimum ? " minimum" : ""}${point.favourite ? " favourite" : ""}`;
    const what = `${point.minimum ? ", minimum" : ""}${point.favourite ? ", highest score" : ""}`;
    const text = `${unbroken(point.label)}, ${point.scene}: loss ${plain(point.x)}, score ${signed(point.y)}${what}`;
    const picture = point.picture
      ? el("img", { loading: "lazy", width: 56, height: 56, alt: "", src: point.picture.thumb })
      : "?";
    const made = el("button", { type: "button", className: `point${kind}`, "aria-label": text }, picture);
    made.addEventListener("focus", () => this.seen(point));
    made.addEventListener("pointerenter", () => this.seen(point));
    made.addEventListener("click", () => {
      if (!this.keys.delete(point.key)) this.keys.add(point.key);
      this.mark();
    });
    return made;
  }

  /** One stop for the tab key; the arrows go on from there. */
  step(index, focus = true) {
    this.buttons.forEach((button, i) => { button.tabIndex = i === index ? 0 : -1; });
    if (focus) this.buttons[index].focus();
  }

  listen() {
    this.area.addEventListener("keydown", (event) => {
      const axis = /^Arrow(Left|Right)$/.test(event.key) ? "x" : /^Arrow(Up|Down)$/.test(event.key) ? "y" : "";
      const at = this.buttons.indexOf(event.target);
      if (!axis || at < 0) return;
      event.preventDefault();
      const order = this.points.map((_, i) => i).sort((i, j) => this.points[i][axis] - this.points[j][axis] || i - j);
      const to = order.indexOf(at) + (/Right|Up/.test(event.key) ? 1 : -1);
      if (to >= 0 && to < order.length) this.step(order[to]);
    });
    this.area.addEventListener("pointerdown", (event) => this.brush(event));
  }

  /** Drag a rectangle with a mouse or a pen; a finger scrolls the page. */
  brush(down) {
    if (down.pointerType === "touch" || down.button || down.target.closest("button")) return;
    down.preventDefault();
    const frame = this.area.getBoundingClientRect(), shown = el("span", { className: "brush" });
    const stop = new AbortController(), { signal } = stop;
    const box = (event) => {
      const [x, y] = [[down.clientX, event.clientX], [down.clientY, event.clientY]];
      return { left: Math.min(...x), right: Math.max(...x), top: Math.min(...y), bottom: Math.max(...y) };
    };
    const move = (event) => {
      const at = box(event), size = { width: `${at.right - at.left}px`, height: `${at.bottom - at.top}px` };
      Object.assign(shown.style, { left: `${at.left - frame.left}px`, top: `${at.top - frame.top}px`, ...size });
      this.area.append(shown);
    };
    const up = (event) => {
      stop.abort();
      shown.remove();
      const at = box(event);
      if (event.type === "pointercancel" || at.right - at.left + at.bottom - at.top < DRAG_PX) return;
      if (!event.shiftKey) this.keys.clear();
      this.buttons.forEach((button, i) => {
        const { x, y, width, height } = button.getBoundingClientRect(), [cx, cy] = [x + width / 2, y + height / 2];
        if (cx > at.left && cx < at.right && cy > at.top && cy < at.bottom) this.keys.add(this.points[i].key);
      });
      this.mark();
    };
    addEventListener("pointermove", move, { signal });
    addEventListener("pointerup", up, { signal });
    addEventListener("pointercancel", up, { signal });
  }

  clear() {
    this.keys.clear();
    this.mark();
  }

  mark() {
    this.buttons.forEach((button, i) => button.setAttribute("aria-pressed", this.keys.has(this.points[i].key)));
    this.told(this.points.filter((p) => this.keys.has(p.key)));
  }
}

/** Where a number stands, in percent of the area, with room at the edges for half a thumbnail. */
function scale(values) {
  const least = Math.min(...values), most = Math.max(...values), room = (most - least) * 0.08 || 1;
  const low = least - room, high = most + room;
  return { low, high, at: (value) => (100 * (value - low)) / (high - low) };
}

function placed(made, box) {
  for (const [name, value] of Object.entries(box)) made.style[name] = `${value}%`;
  return made;
}

function line(kind, box, text) {
  return placed(el("span", { className: `line ${kind}` }, el("span", { textContent: text })), box);
}
