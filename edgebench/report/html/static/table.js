// The table of items: filters, and sorting by any column.

const table = document.getElementById("table");
const body = table.tBodies[0];
const filters = document.getElementById("filters");
const CHOICES = ["paper", "tier", "verdict", "held"];
const rows = [...body.rows].map((row, place) => {
  const article = document.getElementById(`claim/${row.dataset.claim}`);
  return { row, place, text: `${row.textContent} ${article.dataset.text}`.toLowerCase() };
});

function filter() {
  const words = filters.elements.text.value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const { row, text } of rows) {
    const kept = CHOICES.every((name) => !filters.elements[name].value || row.dataset[name] === filters.elements[name].value)
      && words.every((word) => text.includes(word));
    row.hidden = !kept;
    shown += kept;
  }
  const claims = new Set(rows.filter(({ row }) => !row.hidden).map(({ row }) => row.dataset.claim)).size;
  document.getElementById("shown").textContent = `${shown} of ${rows.length} items, of ${claims} claims`;
  document.getElementById("none").hidden = shown > 0;
}

function sort(button) {
  const header = button.closest("th");
  const upwards = header.getAttribute("aria-sort") !== "ascending";
  for (const each of table.tHead.rows[0].cells) each.setAttribute("aria-sort", "none");
  header.setAttribute("aria-sort", upwards ? "ascending" : "descending");
  const column = Number(button.dataset.sort);
  const numeric = button.dataset.kind !== "text";
  const keyed = rows.map((each) => {
    const cell = each.row.cells[column];
    if (!numeric) return { ...each, key: cell.textContent };
    return { ...each, key: cell.dataset.s === "" ? null : Number(cell.dataset.s) };
  });
  const direction = upwards ? 1 : -1;
  keyed.sort((a, b) => {
    if (a.key === null || b.key === null) return (a.key === null) - (b.key === null) || a.place - b.place; // empty ones last
    const order = numeric ? a.key - b.key : a.key.localeCompare(b.key, "en", { numeric: true });
    return order * direction || a.place - b.place;
  });
  body.append(...keyed.map(({ row }) => row));
}

filters.addEventListener("input", filter);
filters.addEventListener("submit", (event) => event.preventDefault());
filters.addEventListener("reset", () => setTimeout(filter));
table.tHead.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button) sort(button);
});
document.getElementById("overview").addEventListener("click", (event) => {
  const count = event.target.closest(".count");
  if (!count) return;
  filters.reset();
  for (const name of ["paper", "tier", "verdict"]) filters.elements[name].value = count.dataset[name];
  filter();
  document.getElementById("items").scrollIntoView();
  document.getElementById("items").focus({ preventScroll: true });
});
filter();
