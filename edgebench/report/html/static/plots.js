// Draws figures when they come into view, with the library that lies in the page as text until the first of them does.

// Without a bar of buttons, which the pointer alone can reach and which an image may not hold.
const CONFIG = { displaylogo: false, responsive: true, displayModeBar: false, scrollZoom: false, doubleClick: false };
const HOLDER = ".claim, .audit"; // what has figures, and their data
const read = new WeakMap(); // such an element to its data

function library() {
  if (!window.Plotly) {
    const source = document.getElementById("plotly");
    const script = document.createElement("script");
    script.textContent = source.textContent;
    source.remove();
    document.head.append(script);
  }
  return window.Plotly;
}

function dataOf(article) {
  if (!read.has(article)) read.set(article, JSON.parse(article.querySelector("script[data-of]").textContent));
  return read.get(article);
}

function draw(plot) {
  const { arms, figures } = dataOf(plot.closest(HOLDER));
  const { kind, data } = figures[plot.dataset.figure];
  const width = plot.clientWidth;
  const { traces, layout } = DRAWN[kind](data, arms, theme(), width);
  const plotly = library();
  if (!plotly) {
    plot.innerHTML = "";
    plot.append(Object.assign(document.createElement("p"), { className: "failed", textContent: "The plot cannot be drawn here; its numbers are below." }));
    return;
  }
  plotly.react(plot, traces, { ...layout, width: undefined, autosize: true }, CONFIG);
  plot.dataset.drawn = "";
}

// The numbers of a figure as a table, made when somebody asks: there are thousands of them.
function tabulate(details) {
  const figure = details.closest("figure");
  const { head, rows } = dataOf(details.closest(HOLDER)).figures[figure.querySelector(".plot").dataset.figure];
  const table = document.createElement("table");
  const heads = table.createTHead().insertRow();
  for (const each of head) heads.append(Object.assign(document.createElement("th"), { scope: "col", textContent: each }));
  const body = table.createTBody();
  for (const cells of rows) {
    const row = body.insertRow();
    cells.forEach((text, place) => {
      const cell = document.createElement(place ? "td" : "th");
      if (!place) cell.scope = "row";
      cell.textContent = text;
      row.append(cell);
    });
  }
  const around = document.createElement("div");
  around.className = "scroll";
  around.tabIndex = 0;
  around.setAttribute("role", "region");
  around.setAttribute("aria-label", `numbers of ${figure.querySelector("figcaption").textContent}`);
  around.append(table);
  details.append(around);
}

document.querySelector("main").addEventListener("toggle", ({ target }) => {
  if (target.matches(".numbers[open]") && !target.querySelector("table")) tabulate(target);
  if (target.matches(".audit > details[open]")) showPlots(target);
}, true);

const seen = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (entry.isIntersecting) {
      seen.unobserve(entry.target);
      draw(entry.target);
    }
  }
}, { rootMargin: "300px" });

function showPlots(article) {
  for (const plot of article.querySelectorAll(".plot:not([data-drawn])")) seen.observe(plot);
}

function redraw(all) {
  const selector = all ? ".claim.open .plot, .audit details[open] .plot" : ".plot[data-drawn]";
  for (const plot of document.querySelectorAll(selector)) {
    if (plot.offsetParent !== null) draw(plot);
    else delete plot.dataset.drawn;
  }
  for (const article of document.querySelectorAll(".claim.open")) showPlots(article);
}

dark.addEventListener("change", () => redraw(false));
window.addEventListener("beforeprint", () => { printing = true; redraw(true); });
window.addEventListener("afterprint", () => { printing = false; redraw(false); });
