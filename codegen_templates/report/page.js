"use strict";
/* Sorts tables by a column, and shows which shapes in all pictures are of one layer. Nothing needs it to be read. */
function key(cell) {
  const value = cell.dataset.sort ?? cell.textContent.trim();
  return value === "" ? null : Number.isNaN(Number(value)) ? value : Number(value);
}
function order(a, b) {
  if (a === null || b === null) return (a === null) - (b === null);
  return typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));
}
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "descending" || (head.ariaSort == null && !head.classList.contains("n"));
      const sign = down ? 1 : -1;
      const rows = [...table.tBodies[0].rows];
      const keys = new Map(rows.map((row) => [row, key(row.cells[column])]));
      rows.sort((a, b) => {
        const [x, y] = [keys.get(a), keys.get(b)];
        return x === null || y === null ? order(x, y) : sign * order(x, y);
      });
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "ascending" : "descending");
      table.tBodies[0].append(...rows);
    });
  });
}
function light(name, on) {
  for (const shape of document.querySelectorAll("[data-layer]"))
    shape.classList.toggle("hit", on && shape.dataset.layer === name);
}
for (const type of ["mouseover", "mouseout"])
  document.addEventListener(type, (event) => {
    const of = event.target.closest?.("[data-layer]");
    if (of) light(of.dataset.layer, type === "mouseover");
  });
