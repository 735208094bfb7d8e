"use strict";
// As many rows are drawn at once: a run at the papers' scale has a hundred thousand.
const MOST = 200;
const make = (tag, properties, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
};
const whole = (number) => number.toLocaleString("en");
const save = (name, blob) => {
  const link = make("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
};

// A packed cell is its text, or {t: text, v: value, n: note, m: mark, e: interval, s: value of each
// seed, k: name in files}.
const unpacked = (cell) => {
  if (typeof cell !== "string") return cell;
  const number = cell.trim() ? Number(cell) : NaN;
  return Number.isNaN(number) ? { t: cell } : { t: cell.replaceAll("-", "\u2212"), v: number, raw: cell };
};
const unpack = async (text) => {
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const plain = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  const { columns, rows } = JSON.parse(await new Response(plain).text());
  return { columns, rows: rows.map(([kind, ...cells]) => ({ kind, cells: cells.map(unpacked) })) };
};
const short = (number) => number.toFixed(3).replace(/^-(?=0\.0*$)/, "").replace("-", "\u2212");
const drawn = ({ kind, cells }) => {
  const row = make("tr", { className: kind });
  for (const cell of cells) {
    const text = cell.m ? make("span", { className: cell.m }, cell.t) : cell.t;
    const box = make("td", { className: cell.v === undefined ? "" : "number" }, text ?? "");
    if (cell.n) box.append(" ", make("small", {}, cell.n));
    if (cell.s) box.append(" ", make("small", {}, `seeds ${cell.s.map(short).join(", ")}`));
    row.append(box);
  }
  return row;
};
const listed = (row) => ({
  element: row,
  cells: [...row.cells].map((cell) => ({
    t: cell.textContent,
    k: cell.dataset.name,
    v: cell.dataset.value === undefined ? undefined : Number(cell.dataset.value),
  })),
});
const csv = ({ columns, rows }) => {
  const quoted = (text) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const wide = columns.map((_, i) => rows.some((row) => row.cells[i].e));
  const most = columns.map((_, i) => Math.max(0, ...rows.map((row) => row.cells[i].s?.length ?? 0)));
  const lines = [columns.flatMap((c, i) => [
    c,
    ...(wide[i] ? [`${c} low`, `${c} high`] : []),
    ...Array.from({ length: most[i] }, (_, seed) => `${c} training ${seed + 1}`),
  ])];
  for (const { cells } of rows) {
    lines.push(cells.flatMap((cell, i) => [
      cell.raw ?? cell.v ?? cell.t ?? "",
      ...(wide[i] ? cell.e ?? ["", ""] : []),
      ...Array.from({ length: most[i] }, (_, seed) => cell.s?.[seed] ?? ""),
    ]));
  }
  return lines.map((line) => `${line.map((v) => quoted(String(v))).join(",")}\n`).join("");
};

// Sorting by a head, and from 16 rows on a filter that says how many rows are left.
const serve = (table, rows) => {
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  for (const row of rows) {
    row.words = row.cells.map((c) => `${c.t ?? ""} ${c.n ?? ""} ${c.k ?? ""}`).join(" ");
    row.words = row.words.toLowerCase().replaceAll("_", " ");
  }
  let most = MOST;
  const input = make("input", { type: "search" });
  const count = make("output", {});
  const more = make("button", { type: "button", className: "more" });
  const show = () => {
    const words = input.value.toLowerCase().split(/[\s_]+/).filter(Boolean);
    const left = rows.filter((row) => words.every((word) => row.words.includes(word)));
    const shown = left.slice(0, most);
    body.replaceChildren(...shown.map((row) => (row.element ??= drawn(row))));
    count.value = words.length
      ? `${whole(left.length)} of ${whole(rows.length)} rows` : `${whole(rows.length)} rows`;
    more.hidden = shown.length === left.length;
    more.textContent = `The next of ${whole(left.length - shown.length)} more rows`;
  };
  const key = (row, column) => row.cells[column].v ?? row.cells[column].t ?? "";
  const compare = (a, b) => {
    if (typeof a === "number" && typeof b === "number") return a - b;
    if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
    return a.localeCompare(b, "en");
  };
  heads.forEach((head, column) => {
    const button = make("button", { type: "button" }, head.textContent);
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      rows.sort((a, b) => (down ? -1 : 1) * compare(key(a, column), key(b, column)));
      show();
    });
  });
  more.addEventListener("click", () => { most += MOST; show(); });
  if (rows.length >= 16) {
    input.addEventListener("input", () => { most = MOST; show(); });
    const label = make("label", {}, "Rows with the words ", input);
    table.closest(".scroll").before(make("p", { className: "filter" }, label, " ", count));
    table.closest(".scroll").after(more);
    show();
  }
};
for (const table of document.querySelectorAll("table.sortable")) {
  serve(table, [...table.tBodies[0].rows].map(listed));
}
const ready = new WeakMap();
const content = (part) => {
  if (!ready.has(part)) ready.set(part, unpack(part.dataset.packed));
  return ready.get(part);
};
for (const part of document.querySelectorAll("details.packed")) {
  part.querySelector(".csv").addEventListener("click", async () => {
    save(`${part.id}.csv`, new Blob([csv(await content(part))], { type: "text/csv" }));
  });
  part.addEventListener("toggle", async () => {
    if (!part.open || part.querySelector("table")) return;
    const table = make("table", { className: "sortable" }, make("thead", {}, make("tr")), make("tbody"));
    const region = make("div", { className: "scroll", tabIndex: 0, role: "region" }, table);
    region.setAttribute("aria-label", part.querySelector("summary").textContent);
    part.append(region);
    const { columns, rows } = await content(part);
    const heads = columns.map((c) => make("th", { scope: "col" }, c.replaceAll("_", " ")));
    table.tHead.rows[0].append(...heads);
    if (rows.length < 16) table.tBodies[0].append(...rows.map((row) => (row.element = drawn(row))));
    serve(table, [...rows]);
  });
}

// Pictures: enlarged in a dialogue, or saved as PNG at three times their size.
const dialog = document.querySelector("dialog");
for (const figure of document.querySelectorAll("figure.picture")) {
  const picture = figure.querySelector("img");
  const enlarge = () => {
    const large = make("img", { src: picture.src, alt: picture.alt });
    large.addEventListener("click", () => large.classList.toggle("natural"));
    dialog.querySelector(".scroll").replaceChildren(large);
    dialog.showModal();
  };
  picture.addEventListener("click", enlarge);
  figure.querySelector(".enlarge").addEventListener("click", enlarge);
  const button = figure.querySelector(".png");
  button.addEventListener("click", () => {
    const canvas = make("canvas", {
      width: 3 * picture.naturalWidth, height: 3 * picture.naturalHeight });
    canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
    canvas.toBlob((blob) => save(`${button.dataset.name}.png`, blob));
  });
}

// Light or dark: the system's choice until the button is used.
const dark = () => getComputedStyle(document.documentElement).colorScheme === "dark"
  || (!document.documentElement.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches);
const theme = make("button", { type: "button", className: "theme" }, "Light or dark");
theme.addEventListener("click", () => {
  document.documentElement.dataset.theme = dark() ? "light" : "dark";
});
const contents = document.querySelector(".contents");
contents.parentElement.append(theme);
const narrow = matchMedia("(max-width: 70rem)");
const fold = () => { contents.open = !narrow.matches; };
fold();
narrow.addEventListener("change", fold);
contents.addEventListener("click", (event) => {
  if (narrow.matches && event.target.closest("a")) contents.open = false;
});

// A link to something folded opens it.
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
