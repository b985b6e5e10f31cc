// On a narrow screen the tabs are one row that scrolls: the page one is on is brought into view.
const tabs = document.querySelector(".study-tabs");
const current = tabs?.querySelector("[aria-current]");
if (current) tabs.scrollLeft = current.offsetLeft - tabs.offsetLeft - (tabs.clientWidth - current.offsetWidth) / 2;
