"use strict";
// The table of runs: a click on a heading sorts it, and the points can be saved with all their digits.
const runsTable = document.getElementById("runs-table");
const runRows = parsed("runs-data");
const tableRows = [...runsTable.tBodies[0].rows];

function compared(a, b) {
  if (a === null || b === null) return (a === null) - (b === null);
  return typeof a === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true });
}

runsTable.tHead.addEventListener("click", ({ target }) => {
  const column = target.dataset?.column;
  if (!column) return;
  const heading = target.parentElement, falling = heading.getAttribute("aria-sort") === "ascending";
  const order = runRows.map((_, i) => i).sort((i, j) => {
    const a = runRows[i][column], b = runRows[j][column];
    return falling && a !== null && b !== null ? compared(b, a) : compared(a, b);
  });
  for (const each of runsTable.tHead.rows[0].cells) each.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", falling ? "descending" : "ascending");
  runsTable.tBodies[0].append(...order.map((i) => tableRows[i]));
});

function quoted(value) {
  const words = value === null ? "" : String(value);
  return /[",\n\r]/.test(words) ? `"${words.replaceAll('"', '""')}"` : words;
}

function pointsCsv() {
  const columns = Object.entries(parsed("points-data"));
  const rows = columns[0][1].map((_, i) => columns.map(([, values]) => values[i]));
  return [columns.map(([name]) => name), ...rows].map((row) => row.map(quoted).join(",")).join("\n") + "\n";
}

document.getElementById("download").addEventListener("click", () => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([pointsCsv()], { type: "text/csv" }));
  link.download = "points.csv";
  link.click();
  URL.revokeObjectURL(link.href);
});
