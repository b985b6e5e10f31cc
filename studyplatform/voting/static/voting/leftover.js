// Answers still kept on this device when a session has ended, or when its participant was away for longer than the study
// lets pass: they are sent first, and only then does a form that waits for that go its way.

import { Queue } from "./queue.js";
import { Refusal, Server } from "./server.js";

const form = document.getElementById("leftover");
const server = new Server(form.dataset.api, form.elements.csrfmiddlewaretoken.value);
const queue = await Queue.open(server.api);
const ask = (path, body) => server.patiently(() => server.call(path, body), () => {});

/** Send what the server waits for, in the order of the plan; gives when the last of it was answered, in milliseconds. */
async function deliver() {
  let last = NaN;
  const { trials } = await ask("plan/");
  await queue.keepOnly(trials);
  for (const { id } of trials) {
    const vote = queue.entries.get(id)?.vote;
    if (!vote) continue;
    try {
      await ask("votes/", vote);
      last = Date.parse(vote.shown_at) + vote.rt_ms || last; // a skip has no time
    } catch (refusal) {
      // Another device was faster: that answer stands, and those behind this one are waited for all the same.
      if (!["conflict", "not_found"].includes(refusal.code)) throw refusal;
    }
    await queue.drop(id);
  }
  return last;
}

let last = NaN;
try {
  if (queue.size) last = await deliver();
} catch (error) {
  if (!(error instanceof Refusal)) throw error; // what a paused study refuses stays here for another time
}
if (form.elements.idle) {
  form.elements.idle.value = Math.max(0, Math.round((Date.now() - last) / 1000)) || "";
  form.submit();
}
