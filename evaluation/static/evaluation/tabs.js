// Sections one below the other become tabs: arrows move between their names, the address remembers which is open.

/** Make tabs of the links in `root` and the sections they lead to. A section hears "shown" when it is. */
export function tabbed(root) {
  const list = root.querySelector(".tab-names ul"), names = [...list.querySelectorAll("a")];
  const panels = names.map((name) => document.getElementById(name.hash.slice(1)));

  function show(index, focus = false) {
    names.forEach((name, i) => {
      name.setAttribute("aria-selected", i === index);
      name.tabIndex = i === index ? 0 : -1;
      panels[i].hidden = i !== index;
    });
    if (focus) names[index].focus();
    panels[index].dispatchEvent(new Event("shown"));
  }

  /** Open the part that the address names, if it lies in here; says whether it does. */
  function follow() {
    const target = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
    const index = panels.findIndex((panel) => target && panel.contains(target));
    if (index < 0) return false;
    show(index);
    target.scrollIntoView();
    return true;
  }

  function choose(index, focus) {
    history.replaceState(history.state, "", names[index].hash);
    show(index, focus);
  }

  list.setAttribute("role", "tablist");
  names.forEach((name, i) => {
    name.parentElement.setAttribute("role", "presentation");
    name.setAttribute("role", "tab");
    name.setAttribute("aria-controls", panels[i].id);
    panels[i].setAttribute("role", "tabpanel");
    panels[i].setAttribute("aria-labelledby", name.id);
    panels[i].tabIndex = 0;
    name.addEventListener("click", (event) => {
      event.preventDefault();
      choose(i);
    });
  });
  list.addEventListener("keydown", (event) => {
    const at = names.indexOf(event.target), last = names.length - 1;
    const to = { ArrowRight: at === last ? 0 : at + 1, ArrowLeft: at || last + 1, Home: 0, End: last }[event.key];
    if (event.key === " ") choose(at, true);
    else if (to === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    else choose(event.key === "ArrowLeft" ? to - 1 : to, true);
    event.preventDefault();
  });
  root.classList.add("tabbed");
  addEventListener("hashchange", follow);
  if (!follow()) show(0);
}
