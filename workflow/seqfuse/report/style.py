"""The style and the script of the report, which stand in the page."""

STYLE = """
:root { color-scheme: light dark; --text: #1b1b1b; --soft: #555; --page: #fff; --field: #f3f4f6;
  --line: #d0d4da; --link: #0b57a4; --good: #0a6640; --bad: #a3260d; --warn: #fff3e0;
  --warn-line: #c25700; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e8e8e8; --soft: #b0b5bd; --page: #16181c; --field: #22252b; --line: #434852;
    --link: #7fb8ff; --good: #6fd3a4; --bad: #ff9a85; --warn: #3a2a12; --warn-line: #f0a050; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 76rem; padding: 0 1rem 4rem; background: var(--page);
  color: var(--text); font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1, h2, h3 { line-height: 1.2; }
h2 { margin-top: 3rem; border-bottom: 1px solid var(--line); padding-bottom: .3rem; }
a { color: var(--link); }
a:focus-visible, button:focus-visible, input:focus-visible, summary:focus-visible,
.scroll:focus-visible, pre:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
.skip { position: absolute; left: -100rem; }
.skip:focus { left: 1rem; background: var(--page); padding: .5rem; }
nav ul { display: flex; flex-wrap: wrap; gap: .2rem 1rem; padding: 0; list-style: none; }
.warning { background: var(--warn); border-left: 4px solid var(--warn-line); padding: .7rem 1rem;
  margin: 1rem 0; }
.warning ul { margin: .3rem 0 0; padding-left: 1.2rem; }
.scratch { color: var(--bad); font-weight: 600; font-size: .9rem; }
.verdict, .card { border: 1px solid var(--line); border-radius: 6px; padding: .2rem 1rem 1rem;
  margin: 1rem 0; }
.verdict .sentence { font-size: 1.15rem; margin: .5rem 0; }
.where, .note, small, .tools, .sources { color: var(--soft); }
.where, .note, .tools, .sources { font-size: .875rem; }
small { font-size: .85em; white-space: nowrap; }
figure { margin: 1.5rem 0; }
.grid figcaption { font-weight: 600; margin-bottom: .3rem; }
.tools { font-weight: 400; display: inline-flex; gap: .8rem; margin-left: .5rem; }
.picture img { display: block; height: auto;
  background: #fff; padding: .5rem; border: 1px solid var(--line); }
.scroll { overflow-x: auto; max-width: 100%; }
details .scroll { max-height: 36rem; overflow-y: auto; }
table { border-collapse: collapse; font-size: .875rem; font-variant-numeric: tabular-nums;
  overflow-wrap: normal; }
th, td { padding: .25rem .7rem; text-align: left; border-bottom: 1px solid var(--line);
  vertical-align: top; }
thead th { background: var(--field); position: sticky; top: 0; white-space: nowrap; }
.sortable td { white-space: nowrap; }
td.number { text-align: right; }
tr.control td { background: var(--field); color: var(--soft); }
tr.control td:first-child { font-style: italic; }
tr:target { outline: 2px solid var(--link); }
th button { all: unset; cursor: pointer; font-weight: 600; }
th[aria-sort=ascending] button::after { content: " \\2191"; }
th[aria-sort=descending] button::after { content: " \\2193"; }
.filter { display: block; margin: .3rem 0; font-size: .875rem; font-weight: 400; }
.filter input { font: inherit; width: 16rem; max-width: 100%; padding: .2rem .4rem;
  color: var(--text); background: var(--page); border: 1px solid var(--soft); border-radius: 4px; }
.better { color: var(--good); font-weight: 600; }
.worse { color: var(--bad); font-weight: 600; }
dl { display: grid; grid-template-columns: minmax(7rem, 12rem) 1fr; gap: .2rem 1rem; }
dt { color: var(--soft); }
dd { margin: 0; }
summary { cursor: pointer; padding: .2rem 0; }
pre { overflow: auto; max-height: 36rem; background: var(--field); padding: 1rem;
  font-size: .8rem; }
@media (max-width: 34rem) { dl { grid-template-columns: 1fr; } dd { margin-bottom: .5rem; } }
@media print {
  :root { --text: #000; --soft: #333; --page: #fff; --field: #eee; --line: #999; --link: #000;
    --good: #000; --bad: #000; --warn: #fff; --warn-line: #000; }
  body { max-width: none; font-size: 10pt; }
  nav, .filter, .skip { display: none; }
  .scroll, details .scroll { overflow: visible; max-height: none; }
  .picture img { max-width: 100% !important; }
  .verdict, .picture, .card, tr { break-inside: avoid; }
  thead th { position: static; }
}
"""

# Without it every table is complete and in its first order; it adds sorting and filtering.
SCRIPT = """
"use strict";
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  const key = (row, column) => {
    const cell = row.cells[column];
    const number = Number(cell.dataset.value ?? (cell.textContent.trim() || NaN));
    return Number.isNaN(number) ? cell.textContent : number;
  };
  const compare = (a, b) => {
    if (typeof a === "number" && typeof b === "number") return a - b;
    if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
    return a.localeCompare(b, "en");
  };
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const keyed = [...body.rows].map((row) => [key(row, column), row]);
      keyed.sort((a, b) => (down ? -1 : 1) * compare(a[0], b[0]));
      body.append(...keyed.map((pair) => pair[1]));
    });
  });
  if (body.rows.length < 16) continue;
  const label = document.createElement("label");
  const input = document.createElement("input");
  label.className = "filter";
  input.type = "search";
  label.append("Rows with the words ", input);
  table.closest(".scroll").before(label);
  input.addEventListener("input", () => {
    const words = input.value.toLowerCase().split(/\\s+/).filter(Boolean);
    for (const row of body.rows) {
      const text = [...row.cells].map((cell) => cell.textContent).join(" ").toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
    }
  });
}
// A link to a row inside a folded part opens it.
const show = () => {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  target?.closest("details")?.setAttribute("open", "");
};
addEventListener("hashchange", show);
show();
// On paper nothing can be unfolded: what the verdicts rest on is printed with them.
addEventListener("beforeprint", () => {
  for (const part of document.querySelectorAll(".verdict details")) part.open = true;
});
"""
