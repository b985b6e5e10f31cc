// Goes on with a plan that is not finished, a step after the other; without it the button "Go on" does the same.

const form = document.getElementById("plan-step");
const bar = document.getElementById("plan-bar");
const words = document.getElementById("plan-words");
const PAUSES = [1000, 3000, 10000]; // milliseconds after a step that failed

const wait = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

/** One step; its answer says how far the plan is, whoever took it there. */
async function step() {
  const answer = await fetch(form.action, {
    method: "POST",
    body: new FormData(form),
    headers: { Accept: "application/json" },
  });
  // A sign-in page would be answered with a redirect.
  if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
  return answer.json();
}

function show(state) {
  form.elements.done.value = state.done;
  bar.max = state.total;
  bar.value = state.done;
  words.textContent = state.words;
}

/** What the page tells now, in place of what it told; what is being typed below stays. */
async function retell() {
  const answer = await fetch(form.dataset.page);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const told = page.getElementById("plan-told");
  if (told) document.getElementById("plan-told").replaceWith(told);
}

async function run() {
  form.hidden = true;
  let failed = 0;
  let told = Number(form.dataset.told);
  for (;;) {
    try {
      const state = await step();
      show(state);
      if (state.told !== told) {
        await retell();
        told = state.told;
      }
      failed = 0;
      if (state.finished) return;
    } catch {
      if (failed === PAUSES.length) break;
      await wait(PAUSES[failed++]);
    }
  }
  form.hidden = false;
  words.textContent += " – the server does not answer; press “Go on” to try again.";
}

run();
