"use strict";
// The buttons above the learning curves draw them again: against E, C or N, in nats or bits, on log or linear axes,
// with other counts of the parameters.
const SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹";
const raised = (n) => String(n).replace(/-/, "⁻").replace(/\d/g, (digit) => SUPERSCRIPTS[digit]);

function powerOf(value, digits = 2) {
  const [factor, exponent] = value.toExponential(digits - 1).split("e");
  const ten = `10${raised(Number(exponent))}`;
  return Number(factor) === 1 ? ten : `${Number(factor)}\u00a0×\u00a0${ten}`;
}

function countOf(value, digits = 3) {
  for (const [scale, suffix] of [[1e9, "B"], [1e6, "M"], [1e3, "k"]])
    if (value >= scale * 0.9999) return value < 1000 * scale ? `${Number((value / scale).toPrecision(digits))}${suffix}` : powerOf(value);
  return String(Number(value.toPrecision(digits)));
}

function logTicks(low, high) {
  const first = Math.floor(Math.log10(low)), last = Math.ceil(Math.log10(high));
  const decades = Array.from({ length: last - first + 1 }, (_, i) => first + i);
  for (const factors of [[1], [1, 3], [1, 2, 5], [1, 1.5, 2, 3, 4, 5, 6, 8]]) {
    const ticks = decades.flatMap((exponent) => factors.map((factor) => Number((factor * 10 ** exponent).toPrecision(6))));
    const inside = ticks.filter((tick) => low <= tick && tick <= high);
    if (inside.length >= 4) return inside;
  }
  return linearTicks(low, high);
}

function linearTicks(low, high) {
  const unit = 10 ** Math.floor(Math.log10((high - low) / 4));
  const step = unit * Math.max(...[1, 2, 5].filter((factor) => factor * unit <= (high - low) / 4));
  const ticks = [];
  for (let i = Math.ceil(low / step); i * step <= high; i++) ticks.push(Number((i * step).toPrecision(6)));
  return ticks;
}

function axisOf(values, title, log, label) {
  const low = Math.min(...values), high = Math.max(...values);
  const margin = log ? Math.max(1.02, (high / low) ** 0.04) : (high - low) * 0.04 || low * 0.02;
  const domain = log ? [low / margin, high * margin] : [low - margin, high + margin];
  const ticks = (log ? logTicks : linearTicks)(...domain);
  let labels = ticks.map((tick) => label(tick));
  for (let digits = 4; new Set(labels).size < labels.length && digits < 12; digits++) labels = ticks.map((tick) => label(tick, digits));
  return {
    title,
    scale: log ? { type: "log", domain, nice: false } : { type: "linear", domain, nice: false, zero: false },
    axis: { values: ticks, labelExpr: `${JSON.stringify(labels)}[indexof(${JSON.stringify(ticks)}, datum.value)]`, labelOverlap: "greedy" },
  };
}

const COUNTS = {
  N: { title: "N, parameters", of: (row) => row.N },
  head: { title: "N, parameters with those of the head", of: (row, run) => row.N + (run.n_head ?? 0) },
  all: { title: "N, all parameters", of: (row, run) => run.n_params ?? row.N },
};
const AXES = { E: ["E, tokens processed", countOf], C: ["C = 6NE, FLOPs", powerOf] };

function explored(spec, choice) {
  const runs = new Map(parsed("runs-data").map((run) => [run.run, run]));
  const count = COUNTS[choice["N counts"] ?? "N"], log = choice.axes === "log", bits = choice["loss in"] === "bits";
  const rows = Object.values(spec.datasets)[0].map((row) => {
    const n = count.of(row, runs.get(row.run) ?? {});
    return { ...row, N: n, size: countOf(n), C: 6 * n * row.E, loss: bits ? row.loss / Math.LN2 : row.loss };
  });
  spec.datasets = { [Object.keys(spec.datasets)[0]]: rows };
  const sizes = [...new Map(rows.map((row) => [row.N, row.size]).sort((a, b) => a[0] - b[0])).values()];
  const [title, label] = AXES[choice.against] ?? [count.title, countOf];
  const x = axisOf(rows.map((row) => row[choice.against]), title, log, label);
  const y = axisOf(rows.map((row) => row.loss), `held-out loss, ${bits ? "bits" : "nats"} per token`, log, (v, d = 4) => String(Number(v.toPrecision(d))));
  for (const { encoding } of spec.layer) {
    Object.assign(encoding.x, x, { field: choice.against });
    Object.assign(encoding.y, y);
    if (encoding.color.field === "size") Object.assign(encoding.color, { sort: sizes, scale: { ...encoding.color.scale, domain: sizes } });
  }
  return spec;
}

const toolbar = document.getElementById("explore");
if (toolbar) {
  const chart = document.querySelector("[data-spec=chart-learning-curves]");
  const choice = {};
  for (const button of toolbar.querySelectorAll("button[aria-pressed=true]")) choice[button.dataset.choice] = button.value;
  toolbar.addEventListener("click", ({ target }) => {
    if (!target.dataset?.choice) return;
    choice[target.dataset.choice] = target.value;
    for (const button of toolbar.querySelectorAll("button"))
      button.setAttribute("aria-pressed", String(choice[button.dataset.choice] === button.value));
    draw(chart, explored(specOf(chart), choice));
  });
}
