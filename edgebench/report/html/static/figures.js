// What each kind of figure draws: (data, arms, look, width) to the library's traces and layout.

const SYMBOLS = { reproduced: "circle", contradicted: "x", inconclusive: "circle-open", invalid: "square-open" };
const ROW = 30; // pixels for an item or an arm

function base(look, height, more) {
  const axis = { gridcolor: look.line, linecolor: look.line, zerolinecolor: look.line, automargin: true };
  const font = { family: "system-ui, sans-serif", size: 12, color: look.muted };
  const { xaxis, yaxis, ...rest } = more;
  return {
    height, font, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", showlegend: false, dragmode: false,
    margin: { l: 8, r: 10, t: 8, b: 36 }, hoverlabel: { bgcolor: look.bg, bordercolor: look.line, font: { color: look.fg } },
    xaxis: { ...axis, ...xaxis }, yaxis: { ...axis, ...yaxis }, ...rest,
  };
}

function shortened(text, most) {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}

function drawIntervals(data, arms, look, width) {
  const [low, high] = data.range;
  const traces = [];
  const shapes = [];
  data.items.forEach((item, row) => {
    const y = data.items.length - 1 - row;
    const colour = look.verdict(item.verdict);
    shapes.push({ type: "rect", layer: "below", line: { width: 0 }, fillcolor: faded(look.verdict("reproduced"), 0.13),
      x0: item.from ?? low, x1: item.to ?? high, y0: y - 0.42, y1: y + 0.42 });
    shapes.push({ type: "line", layer: "below", x0: item.target, x1: item.target, y0: y - 0.42, y1: y + 0.42,
      line: { color: look.muted, width: 1, dash: "dot" } });
    for (const limit of [item.from, item.to]) {
      if (limit !== null && limit !== item.target) {
        shapes.push({ type: "line", layer: "below", x0: limit, x1: limit, y0: y - 0.42, y1: y + 0.42,
          line: { color: faded(look.verdict("reproduced"), 0.8), width: 1 } });
      }
    }
    const name = plain(item.name);
    traces.push({ x: item.seeds, y: item.seeds.map(() => y - 0.27), mode: "markers", hoverinfo: "x+text",
      text: item.seeds.map((_, seed) => `${name}, seed ${seed}`),
      marker: { symbol: "line-ns", size: 6, opacity: 0.75, line: { width: 1, color: look.muted } } });
    if (item.value !== null) {
      const spread = item.low === null ? undefined : { type: "data", symmetric: false, thickness: 2.2, width: 5, color: colour,
        array: [item.high - item.value], arrayminus: [item.value - item.low] };
      traces.push({ x: [item.value], y: [y], mode: "markers", error_x: spread, hoverinfo: "x+text",
        text: [`${name}: measured, ${plain(item.verdict)}${item.stored ? "" : " (baseline)"}`],
        marker: { symbol: SYMBOLS[item.verdict] ?? "circle", size: 9, color: colour, line: { width: 1.5, color: colour } } });
    }
    if (item.published !== null) {
      traces.push({ x: [item.published], y: [y], mode: "markers", hoverinfo: "x+text", text: [`${name}: published`],
        marker: { symbol: "diamond-open", size: 11, color: look.fg, line: { width: 1.6, color: look.fg } } });
    }
  });
  const most = Math.max(12, Math.floor(width / 22));
  const ticks = { tickvals: data.items.map((_, row) => data.items.length - 1 - row),
    ticktext: data.items.map((item) => plain(shortened(item.name, most))), tickfont: { color: look.fg } };
  return { traces, layout: base(look, 44 + ROW * data.items.length, { shapes,
    xaxis: { range: data.range, ticksuffix: data.unit === "%" ? " %" : "", zeroline: false, nticks: Math.max(3, Math.floor(width / 90)) },
    yaxis: { ...ticks, range: [-0.55, data.items.length - 0.45], showgrid: false, zeroline: false, fixedrange: true } }) };
}

// Arms whose curves are the same, such as a schedule that they share, are one line.
function together(arms) {
  const groups = new Map();
  for (const each of arms) {
    const key = JSON.stringify([each.mean, each.low, each.high]);
    groups.set(key, [...(groups.get(key) ?? []), each]);
  }
  return [...groups.values()].map((same) => ({ ...same[0], shared: same.length > 1,
    name: same.length > 1 && same.length === arms.length ? `all ${arms.length} arms` : same.map((each) => each.arm).join(", ") }));
}

// In how many rows a legend of these names stands: a line of 40 pixels before each, letters of 6.6.
function legendRows(names, width) {
  let rows = 1;
  let used = 0;
  for (const name of names) {
    const needed = 52 + 6.6 * name.length;
    if (used && used + needed > width) [rows, used] = [rows + 1, 0];
    used += needed;
  }
  return rows;
}

function drawCurves(data, arms, look, width) {
  const traces = [];
  const lines = together(data.arms);
  for (const each of lines) {
    const { colour, dash } = each.shared && lines.length === 1 ? { colour: look.fg, dash: "solid" } : armStyle(arms, each.arm, look);
    const x = each.mean.map((_, epoch) => epoch + 1);
    if (each.low) {
      traces.push({ x: [...x, ...x.toReversed()], y: [...each.high, ...each.low.toReversed()], fill: "toself", mode: "lines",
        fillcolor: faded(colour, 0.16), line: { width: 0 }, hoverinfo: "skip", showlegend: false, legendgroup: each.arm });
    }
    traces.push({ x, y: each.mean, mode: each.mean.length > 1 ? "lines" : "markers", name: plain(each.name), legendgroup: each.arm,
      line: { color: colour, width: 1.9, dash }, marker: { color: colour },
      hovertemplate: `%{y:.4g} after epoch %{x}<extra>${plain(each.name)} (${each.trials})</extra>` });
  }
  // The plot is as high however many rows the legend has, so that its place below the axis's title is the same.
  const [plot, title] = [172, 44];
  const below = title + 21 * legendRows(lines.map((each) => each.name), width - 40);
  return { traces, layout: base(look, 8 + plot + below, { showlegend: true, margin: { l: 8, r: 10, t: 8, b: below },
    legend: { orientation: "h", y: -title / plot, yanchor: "top", font: { color: look.fg } },
    hovermode: "closest", xaxis: { title: { text: "epoch", standoff: 6 }, zeroline: false, rangemode: "tozero" }, yaxis: { zeroline: false } }) };
}

function drawBars(data, arms, look, width) {
  const shown = data.arms.toReversed();
  const largest = Math.max(...shown.map((each) => each.high));
  const colours = shown.map((each) => armStyle(arms, each.arm, look).colour);
  const spreads = shown.some((each) => each.low !== each.high);
  const most = Math.max(10, Math.floor(width / 24));
  const trace = { type: "bar", orientation: "h", x: shown.map((each) => each.value), y: shown.map((_, row) => row), width: 0.62,
    marker: { color: colours.map((each) => faded(each, 0.75)) }, hoverinfo: "x+text", textposition: "none",
    text: shown.map((each) => plain(each.arm)) };
  if (spreads) {
    trace.error_x = { type: "data", symmetric: false, color: look.fg, thickness: 1.2, width: 3,
      array: shown.map((each) => each.high - each.value), arrayminus: shown.map((each) => each.value - each.low) };
  }
  return { traces: [trace], layout: base(look, 40 + 24 * shown.length, {
    xaxis: { range: [0, largest * 1.06 || 1], tickformat: "~s", nticks: Math.max(4, Math.floor(width / 65)) },
    yaxis: { tickvals: shown.map((_, row) => row), ticktext: shown.map((each) => plain(shortened(each.arm, most))), showgrid: false,
      tickfont: { color: look.fg }, zeroline: false } }) };
}

function drawFront(data, arms, look) {
  const traces = [];
  const on = data.points.filter((point) => point.front).sort((a, b) => a.cost - b.cost);
  traces.push({ x: on.map((point) => point.cost), y: on.map((point) => point.gain), mode: "lines", hoverinfo: "skip",
    line: { shape: "hv", color: look.muted, width: 1, dash: "dot" } });
  const span = (name) => Math.max(...data.points.map((point) => point[name])) - Math.min(...data.points.map((point) => point[name])) || 1;
  const near = (a, b) => Math.abs(a.cost - b.cost) < 0.2 * span("cost") && Math.abs(a.gain - b.gain) < 0.1 * span("gain");
  const middle = Math.min(...data.points.map((point) => point.cost)) + span("cost") / 2;
  for (const point of data.points) {
    const { colour } = armStyle(arms, point.arm, look);
    // Of two names that would lie over each other, the lower one's stands below.
    const below = data.points.some((other) => other !== point && near(point, other) && other.gain >= point.gain);
    // Beside the point, because the range of its seeds stands above and below it; and towards the middle, where there is room.
    const textposition = `${below ? "bottom" : "top"} ${point.cost > middle ? "left" : "right"}`;
    traces.push({ x: [point.cost], y: [point.gain], mode: "markers+text", text: [plain(point.arm)], textposition,
      cliponaxis: false, textfont: { color: look.fg, size: 11 },
      error_y: { type: "data", symmetric: false, color: faded(colour, 0.6), thickness: 1.2, width: 3,
        array: [point.high - point.gain], arrayminus: [point.gain - point.low] },
      marker: { size: 10, color: colour, symbol: point.front ? "circle" : "circle-open", line: { width: 1.6, color: colour } },
      hovertemplate: `%{y:.4g} at %{x:.4~s}<extra>${plain(point.arm)}</extra>` });
  }
  const costs = data.points.map((point) => point.cost);
  const room = 0.14 * (Math.max(...costs) - Math.min(...costs) || Math.max(...costs));
  return { traces, layout: base(look, 300, {
    xaxis: { title: { text: plain(data.cost), standoff: 6 }, tickformat: "~s", range: [Math.min(...costs) - room, Math.max(...costs) + room] },
    yaxis: { title: { text: plain(data.gain) }, zeroline: false } }) };
}

function drawMap(data, arms, look) {
  const shades = data.cells.map((row) => row.map((cell) => cell?.shade ?? null));
  const annotations = [];
  data.cells.forEach((row, y) => row.forEach((cell, x) => {
    if (cell) {
      annotations.push({ x, y, showarrow: false, font: { color: look.fg, size: 12 },
        text: `<b>${plain(cell.value)}</b><br>${plain(cell.verdict)}` });
    }
  }));
  const scale = [[0, faded("#3a78c9", 0.75)], [0.5, faded("#888888", 0.06)], [1, faded("#e07b2e", 0.75)]];
  const trace = { type: "heatmap", z: shades, zmin: -1, zmax: 1, colorscale: scale, showscale: false, hoverinfo: "skip", xgap: 3, ygap: 3 };
  const axis = (labels, title) => ({ tickvals: labels.map((_, at) => at), ticktext: labels.map(plain), showgrid: false, zeroline: false,
    title: { text: plain(title), standoff: 8 }, tickfont: { color: look.fg } });
  return { traces: [trace], layout: base(look, 90 + 56 * data.rows.length, { annotations, xaxis: axis(data.columns, data.axes[1]),
    yaxis: { ...axis(data.rows, data.axes[0]), autorange: "reversed" } }) };
}

function drawPower(data, arms, look) {
  const traces = data.arms.map((each) => {
    const { colour, dash } = armStyle(arms, each.arm, look);
    return { x: data.shifts, y: each.rates, mode: "lines+markers", name: plain(each.arm), line: { color: colour, width: 1.9, dash },
      marker: { color: colour, size: 5 }, hovertemplate: `%{y:.0f} % at %{x} sd<extra>${plain(each.arm)} seeds</extra>` };
  });
  return { traces, layout: base(look, 300, { showlegend: true, hovermode: "closest",
    legend: { orientation: "h", y: -0.22, yanchor: "top", font: { color: look.fg }, title: { text: "looks at " } },
    xaxis: { title: { text: "shift in standard deviations between seeds", standoff: 6 }, zeroline: false },
    yaxis: { range: [0, 102], ticksuffix: " %", zeroline: false } }) };
}

const DRAWN = { intervals: drawIntervals, curves: drawCurves, bars: drawBars, front: drawFront, map: drawMap, power: drawPower };
