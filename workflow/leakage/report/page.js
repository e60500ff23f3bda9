"use strict";
const wide = matchMedia("(min-width: 64rem)");
const contents = document.getElementById("contents");

// On a wide screen the contents stay open beside the text. On a phone they open by a tap.
const arrange = () => { contents.open = wide.matches; };
wide.addEventListener("change", arrange);
arrange();
contents.addEventListener("click", event => {
  if (event.target.closest("a") && !wide.matches) contents.open = false;
});

// The page holds each PNG once, in the picture. The link takes it from there.
for (const link of document.querySelectorAll("a.png")) {
  link.href = link.closest("figure").querySelector("img").src;
  link.download = link.dataset.file;
}

// Sort numbers as numbers, and empty cells last.
function compare(one, other, column, sign) {
  const [a, b] = [one, other].map(row => row.cells[column]);
  if (a.dataset.value === undefined) return sign * a.innerText.localeCompare(b.innerText, "en");
  const [x, y] = [a, b].map(cell => cell.dataset.value);
  if (x === "" || y === "") return (x === "") - (y === "");
  return sign * (x - y);
}

for (const table of document.querySelectorAll("table.sorts")) {
  table.tHead.addEventListener("click", event => {
    const head = event.target.closest("th");
    if (!head) return;
    const ascending = head.ariaSort !== "ascending";
    for (const each of head.parentNode.cells) each.ariaSort = "none";
    head.ariaSort = ascending ? "ascending" : "descending";
    const rows = [...table.tBodies[0].rows];
    rows.sort((a, b) => compare(a, b, head.cellIndex, ascending ? 1 : -1));
    table.tBodies[0].append(...rows);
  });
}

// Mark the visible section in the contents, and scroll the mark into view.
const links = new Map([...contents.querySelectorAll("a")].map(each => [each.hash.slice(1), each]));
const seen = new IntersectionObserver(entries => {
  for (const entry of entries.filter(each => each.isIntersecting)) {
    for (const link of links.values()) link.removeAttribute("aria-current");
    const link = links.get(entry.target.id);
    link.setAttribute("aria-current", "true");
    const nav = contents.parentElement;
    if (wide.matches) nav.scrollTop = link.offsetTop - nav.clientHeight / 2;
  }
}, { rootMargin: "0px 0px -75% 0px" });
for (const id of links.keys()) seen.observe(document.getElementById(decodeURIComponent(id)));

// Open everything for printing.
let closed = [];
addEventListener("beforeprint", () => {
  closed = [...document.querySelectorAll("details:not([open])")];
  for (const each of closed) each.open = true;
});
addEventListener("afterprint", () => { for (const each of closed) each.open = false; });
