// The conditions of the grid by their parameters, coloured by loss, preference, or how far the two disagree.

import { el, fill, percent, plain, signed, unbroken } from "./dom.js";

const NONE = "-1";
const SAYS = {
  share: "Share of its meetings that a condition won; white is one half.",
  theta: "Preference score in logits; white is the middle of the grid.",
  loss: "The darker, the better by this metric.",
  rank: "Rank by the metric minus rank by the votes: blue is liked better than the metric predicts, orange worse.",
};

/** Draw the table for a group and a metric, as the three selects of `form` want it. */
export class Grid {
  constructor(form, place, data) {
    Object.assign(this, { form, place, data });
    const names = data.parameters.map((name, i) => [String(i), name.replaceAll("_", " ")]);
    fill(form.across, names.length ? names : [[NONE, "condition"]]);
    fill(form.down, [[NONE, "nothing"], ...names]);
    form.down.value = names.length > 1 ? "1" : NONE;
    for (const select of [form.across, form.down]) select.closest("label").hidden = names.length < 2;
    form.addEventListener("change", () => this.draw());
    form.addEventListener("submit", (event) => event.preventDefault());
  }

  show(group, metric) {
    Object.assign(this, { group, metric });
    this.draw();
  }

  draw() {
    const { data, form } = this, [across, down] = [Number(form.across.value), Number(form.down.value)];
    const cells = values(data, this.group, this.metric, form.what.value), columns = levels(data, across);
    const rows = levels(data, down === across ? -1 : down);
    const said = form.what.selectedOptions[0].textContent;
    const name = (i) => (i < 0 ? "" : data.parameters[i].replaceAll("_", " "));
    const head = columns.map((c) => el("th", { scope: "col", textContent: across < 0 ? unbroken(c.text) : c.text }));
    const corner = el("td", { textContent: [name(down), name(across)].filter(Boolean).join(" ↓ → ") || "condition" });
    const body = rows.map((row) => {
      const inside = columns.map((column) => el("td", {}, ...chips(cells, (i) => row.has(i) && column.has(i))));
      return el("tr", {}, el("th", { scope: "row", textContent: row.text || said }), ...inside);
    });
    const top = el("thead", {}, el("tr", {}, corner, ...head));
    const table = el("table", { className: "grid" }, top, el("tbody", {}, ...body));
    const metric = data.metrics[this.metric]?.label ?? "", where = data.groups[this.group].label;
    const by = ["loss", "rank"].includes(form.what.value) ? `${metric}. ` : "";
    const caption = `${where}. ${by}${SAYS[form.what.value]}`;
    const scroll = { className: "table-scroll", tabIndex: 0, role: "region", "aria-label": "Conditions of the grid" };
    this.place.replaceChildren(el("div", scroll, table), el("p", { className: "muted", textContent: caption }));
  }
}

function chips(cells, inside) {
  const found = cells.filter((cell) => inside(cell.condition));
  if (!found.length) return [el("span", { className: "muted", textContent: "·", title: "not in the grid" })];
  return found.map((cell) => {
    const name = el("span", { className: found.length > 1 ? "name" : "unseen" }, `${unbroken(cell.label)} `);
    return el("span", { className: `heat ${cell.heat}` }, name, cell.text);
  });
}

/** Values of a parameter in order, each knowing which conditions have it; without a parameter, one for all. */
function levels(data, parameter) {
  if (parameter < 0 && !data.parameters.length) {
    return data.conditions.map(({ label }, i) => ({ text: label, has: (c) => c === i }));
  }
  if (parameter < 0) return [{ text: "", has: () => true }];
  const of = (condition) => data.conditions[condition].params[parameter];
  const found = [...new Set(data.conditions.map((_, i) => of(i)))];
  found.sort((a, b) => (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b))));
  return found.map((value) => ({ text: value === null ? "none" : String(value), has: (c) => of(c) === value }));
}

function values(data, group, metric, what) {
  const { votes, values: raw } = data.groups[group], losses = raw[metric];
  // Over all scenes a value is a mean z-score, which the server has turned so that lower is predicted better.
  const sign = group && data.metrics[metric]?.higher ? -1 : 1;
  const ranks = (list) => list.map((v) => (v == null ? null : list.filter((w) => w != null && w < v).length + 1));
  const byLoss = ranks(data.conditions.map((_, i) => (losses?.[i] == null ? null : sign * losses[i])));
  const byVotes = ranks(data.conditions.map((_, i) => (votes[i]?.[3] == null ? null : -votes[i][3])));
  const numbers = data.conditions.map((_, i) => ({
    share: votes[i]?.[0], theta: votes[i]?.[3], loss: losses?.[i],
    rank: byLoss[i] === null || byVotes[i] === null ? null : byLoss[i] - byVotes[i],
  })[what] ?? null);
  const there = numbers.filter((n) => n !== null), [low, high] = [Math.min(...there), Math.max(...there)];
  const most = Math.max(...there.map(Math.abs)) || 1;
  const heat = {
    share: (n) => `heat-${Math.round(10 * n)}`,
    theta: (n) => `heat-${Math.round(5 + (5 * n) / most)}`,
    rank: (n) => `heat-${Math.round(5 + (5 * n) / most)}`,
    loss: (n) => `dark-${Math.round((10 * (sign > 0 ? high - n : n - low)) / (high - low || 1))}`,
  }[what];
  const text = { share: percent, theta: signed, loss: plain, rank: (n) => (n > 0 ? `+${n}` : plain(n)) }[what];
  return numbers.map((n, i) => ({
    condition: i, label: data.conditions[i].label, text: n === null ? "none" : text(n), heat: n === null ? "" : heat(n),
  }));
}
