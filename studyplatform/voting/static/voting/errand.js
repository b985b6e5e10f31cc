// Looks at the page again every two seconds until the work is done, and shows what it says.
const look = async () => {
  const answer = await fetch(location.href, { credentials: "same-origin" });
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const [here, there] = [document, page].map((where) => where.querySelector("#content-main"));
  if (!there) return;
  if (!page.querySelector("#errand[data-running]")) {
    clearInterval(timer);
    here.replaceWith(there);
  }
};
const timer = setInterval(() => { if (!document.hidden) look().catch(() => {}); }, 2000);
