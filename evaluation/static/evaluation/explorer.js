// The explorer: choose a scene and a metric, see the pictures by loss and score, and the votes behind them.

import { el, fill, get, percent, plain, signed, sorry, unbroken } from "./dom.js";
import { Grid } from "./grid.js";
import { Plot } from "./plot.js";
import { EVERY, choices, points, rawAllowed } from "./points.js";
import { Votes } from "./votes.js";

/** Load what there is to explore and bring `root` to life. */
export async function explore(root) {
  const [form, gridForm] = root.querySelectorAll("form"), find = (name) => root.querySelector(name);
  root.hidden = false;
  root.parentElement.querySelector(".needs-script").remove();
  let data;
  try {
    data = await get(root.dataset.pictures);
  } catch (error) {
    sorry(find(".plot"), error);
    return;
  }
  const places = { seen: find(".seen"), meetings: find(".meetings") };
  const votes = new Votes(root.dataset, data, places.meetings, form.clear);
  const plot = new Plot(find(".plot"), (p) => see(places.seen, data, p), (chosen) => votes.show(chosen));
  const grid = new Grid(gridForm, find(".grid-table"), data);
  fill(form.group, choices(data));
  fill(form.metric, data.metrics.map((metric, i) => [String(i), metric.label]));
  form.metric.value = String(Math.max(0, data.metrics.findIndex((m) => m.id === data.primary)));
  form.metric.closest("label").hidden = data.metrics.length < 2;

  function draw() {
    const group = form.group.value, metric = Number(form.metric.value);
    form.scale.disabled = !rawAllowed(group);
    if (form.scale.disabled) form.scale.value = "z";
    const scale = form.scale.value, name = data.metrics[metric]?.label ?? "Loss";
    const found = data.metrics.length ? points(data, { group, metric, scale }) : [];
    // A z-score is turned so that lower is predicted better, whatever the metric.
    const higher = data.metrics[metric]?.higher, raw = scale === "values";
    const unit = raw ? "raw value" : `within-scene z-score${higher ? ", turned" : ""}`;
    const better = raw && higher ? "higher is predicted better" : "lower is predicted better";
    plot.draw(found, {
      across: `${name}, ${unit} (${better}) →`,
      up: "Preference score (logit) ↑",
      empty: "Nothing to draw here: this metric has no comparable values in this scene, or no score was estimated.",
    });
    see(places.seen, data, found.find((p) => p.minimum) ?? null);
    grid.show(group === EVERY ? 0 : Number(group), metric);
  }

  form.addEventListener("change", draw);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.clear.addEventListener("click", () => plot.clear());
  draw();
}

/** The picture pointed at, larger, with its numbers. */
function see(place, data, point) {
  if (!point) return place.replaceChildren();
  const { picture, group } = point, { values, z } = data.groups[group];
  const share = point.share === null ? "none" : interval(percent, point.share, point.shareLow, point.shareHigh);
  const facts = [["Preference score", interval(signed, point.y, point.low, point.high)], ["Meetings won", share]];
  facts.push(["Votes it was in", String(point.votes)]);
  data.metrics.forEach((metric, i) => {
    const score = z[i]?.[point.condition];
    if (score == null) return;
    const raw = group && plain(values[i][point.condition]);
    facts.push([metric.label, group ? `${raw} (z\u00a0${signed(score)})` : `z\u00a0${signed(score)}`]);
  });
  const size = picture && { width: picture.width, height: picture.height };
  const image = picture && el("img", { src: picture.url, alt: `${point.scene} rendered with ${point.label}`, ...size });
  const example = group === 0 && picture ? ` (picture: ${data.groups[picture.scene].label})` : "";
  const name = el("p", {}, el("strong", { textContent: unbroken(point.label) }), ` · ${point.scene}${example}`);
  const list = el("dl", {}, ...facts.map(([term, text]) => el("div", {}, el("dt", {}, term), el("dd", {}, text))));
  place.replaceChildren(...(image ? [image] : []), name, list);
}

function interval(format, value, low, high) {
  if (low === null || high === null) return format(value);
  return `${format(value)} (${format(low)} to ${format(high)})`;
}
