// Asks for the page's numbers every few seconds while somebody looks, and shows what changed.
const page = document.getElementById("live");
const at = document.getElementById("live-at");

const cell = (child) => {
  const td = document.createElement("td");
  td.append(child);
  return td;
};

const row = ([address, name, answered, seen]) => {
  const link = document.createElement("a");
  link.href = address;
  link.textContent = name;
  const tr = document.createElement("tr");
  tr.append(cell(link), cell(answered), cell(seen));
  return tr;
};

const show = ({ values, going, figures }) => {
  for (const place of page.querySelectorAll("[data-value]")) {
    const value = values[place.dataset.value];
    if (place.textContent !== value) place.textContent = value;
  }
  for (const image of page.querySelectorAll("[data-figure]")) {
    const figure = figures[image.dataset.figure];
    image.closest("figure").hidden = !figure;
    if (figure && image.getAttribute("src") !== figure.src) Object.assign(image, figure);
  }
  const body = document.getElementById("live-going");
  if (going.length) body.replaceChildren(...going.map(row));
  else {
    const nobody = cell("Nobody now.");
    nobody.colSpan = 3;
    const tr = document.createElement("tr");
    tr.append(nobody);
    body.replaceChildren(tr);
  }
};

const look = async () => {
  try {
    const answer = await fetch(page.dataset.address, { credentials: "same-origin" });
    if (!answer.ok) throw new Error(String(answer.status));
    show(await answer.json());
    at.textContent = `As of ${new Date().toLocaleTimeString()}.`;
  } catch {
    at.textContent = "The server cannot be reached; the numbers may be old.";
  }
};

setInterval(() => { if (!document.hidden) look(); }, 1000 * Number(page.dataset.every));
document.addEventListener("visibilitychange", () => { if (!document.hidden) look(); });
