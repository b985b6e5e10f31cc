// Making elements, and numbers as the report writes them.

/** An element: properties by their DOM names, `aria-`/`data-` attributes as such; children are nodes or texts. */
export function el(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-") || name === "role") made.setAttribute(name, value);
    else made[name] = value;
  }
  made.append(...children);
  return made;
}

/** Fill a select with [value, text] pairs. */
export function fill(select, options) {
  select.replaceChildren(...options.map(([value, text]) => el("option", { value, textContent: text })));
}

/** A table with a heading row; a cell is a text or a node, numbers stand right. */
export function table(heads, rows) {
  const cell = (content, i) => {
    const numeric = typeof content === "number" ? { className: "num" } : {};
    const text = typeof content === "number" ? whole.format(content) : content;
    return i ? el("td", { ...numeric, "data-label": heads[i] }, text) : el("th", { scope: "row" }, text);
  };
  const head = heads.map((text, i) => {
    const numeric = rows.length && typeof rows[0][i] === "number";
    return el("th", { scope: "col", className: numeric ? "num" : "" }, text);
  });
  const body = rows.map((row) => el("tr", {}, ...row.map(cell)));
  return el("table", { className: "stack" }, el("thead", {}, el("tr", {}, ...head)), el("tbody", {}, ...body));
}

const three = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });
const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });

/** "0.0123", "−1.5". */
export const plain = (value) => three.format(value).replace("-", "−");

/** "+0.30", "−0.51", "0.00". */
export function signed(value) {
  const text = Math.abs(value).toFixed(2);
  return text === "0.00" ? text : (value < 0 ? "−" : "+") + text;
}

/** "64 %". */
export const percent = (value) => `${Math.round(100 * value)}\u00a0%`;

/** "lr 0.1" stays on one line. */
export const unbroken = (label) => label.replace(/ (?=[\d.])/g, "\u00a0");

/** The JSON at `address`; throws with the server's own sentence. */
export async function get(address) {
  const response = await fetch(address, { headers: { Accept: "application/json" } });
  const content = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(content.sentence || `The server answered ${response.status}: load the page again.`);
  return content;
}

/** Say in `place` what went wrong. */
export const sorry = (place, error) => place.replaceChildren(el("p", { role: "alert", textContent: error.message }));
