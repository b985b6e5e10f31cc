// Refreshes the state of a grid while anything of it is under way.

const EVERY = 3000; // ms

const place = document.querySelector("[data-progress]");
const address = place?.dataset.progress;

function list(target, entries, line) {
  target.replaceChildren(...entries.map((entry) => {
    const item = document.createElement("li");
    item.append(...line(entry));
    return item;
  }));
}

function bar(share) {
  const made = document.createElement("progress");
  made.max = 1;
  made.value = share;
  return made;
}

async function fresh() {
  const page = await (await fetch(location.href)).text();
  const parsed = new DOMParser().parseFromString(page, "text/html");
  for (const part of place.querySelectorAll("[data-fresh]")) {
    const other = parsed.querySelector(`[data-fresh="${part.dataset.fresh}"]`);
    if (other) part.replaceChildren(...other.childNodes);
  }
}

let shown = null;

async function look() {
  try {
    const answer = await fetch(address, { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(answer.statusText);
    const state = await answer.json();
    const meter = place.querySelector("[data-bar]");
    meter.max = state.total;
    meter.value = state.done;
    place.querySelector("[data-words]").textContent = `${state.words[0].toUpperCase()}${state.words.slice(1)}.`;
    const worker = place.querySelector("[data-worker]");
    worker.textContent = state.worker;
    worker.hidden = !state.worker;
    list(place.querySelector("[data-running]"), state.running, (job) => [bar(job.share), ` ${job.words}`]);
    list(place.querySelector("[data-trouble]"), state.trouble, (sentence) => [sentence]);
    if (state.finished) { location.reload(); return; }
    const now = `${state.pictures} ${state.failed}`;
    if (shown !== null && shown !== now) await fresh();
    shown = now;
  } catch {
    // the server is away for a moment; the next look tells
  }
  setTimeout(look, EVERY);
}

if (address) {
  place.querySelector("[data-reload]").hidden = true;
  look();
}
