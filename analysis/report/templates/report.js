"use strict";
// Each figure holds its Vega-Lite specification as JSON and names its data, which figures share; the expressions in
// it are interpreted, not compiled.
const embedOptions = {
  ast: true,
  tooltip: { theme: "custom" },
  actions: { export: true, source: false, compiled: false, editor: false },
};
const parsed = (id) => JSON.parse(document.getElementById(id).textContent);
const sharedData = parsed("chart-data");

function specOf(chart) {
  const spec = parsed(chart.dataset.spec);
  spec.datasets = Object.fromEntries(spec.datasets.map((name) => [name, sharedData[name]]));
  if (chart.clientWidth < 480) {
    spec.config.legend.columns = 4;
    spec.config.legend.layout = { bottom: { direction: "vertical" } };
  }
  return spec;
}

// A legend is as wide as its longest labels: where it runs out of the figure, it has half as many columns. (A ramp
// of colours has none.)
function tooWide(chart, view) {
  const marks = view.scenegraph().root.items[0].items.filter((mark) => mark.role === "legend");
  const legends = marks.flatMap((mark) => mark.items).filter((legend) => legend.datum.type !== "gradient");
  return legends.some((legend) => view.origin()[0] + legend.bounds.x2 > chart.clientWidth);
}

// Thousands of marks are drawn as one picture, in the ink of the page: it is drawn again where the theme changes.
const MOST_MARKS = 800;
const marksOf = (spec) => Object.values(spec.datasets).reduce((sum, rows) => sum + rows.length, 0);

function inked(chart, spec) {
  return JSON.parse(JSON.stringify(spec).replaceAll('"currentColor"', JSON.stringify(getComputedStyle(chart).color)));
}

function draw(chart, spec) {
  const many = marksOf(spec) > MOST_MARKS;
  const options = { ...embedOptions, renderer: many ? "canvas" : "svg", downloadFileName: chart.dataset.spec };
  chart.drawn = spec;
  return chart.done = vegaEmbed(chart, many ? inked(chart, spec) : spec, options)
    .then(({ view }) => {
      const legend = spec.config.legend;
      if (!(legend.columns > 1 && tooWide(chart, view))) return chart.classList.add("drawn");
      legend.columns = Math.floor(legend.columns / 2);
      return draw(chart, spec);
    })
    .catch((error) => {
      chart.textContent = `This figure could not be drawn: ${error.message}`;
      console.error(error);
    });
}

const drawOnce = (chart) => chart.done ?? draw(chart, specOf(chart));

function drawAll() {
  return Promise.all([...document.querySelectorAll(".chart")].map(drawOnce));
}

// A figure is drawn when it comes near the window, one after another so that the page stays in hand; print needs all.
let drawing = Promise.resolve();
const near = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    if (!isIntersecting) continue;
    near.unobserve(target);
    drawing = drawing.then(() => drawOnce(target)).then(() => new Promise((next) => setTimeout(next)));
  }
}, { rootMargin: "50% 0px" });
for (const chart of document.querySelectorAll(".chart")) near.observe(chart);
addEventListener("beforeprint", drawAll);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  for (const chart of document.querySelectorAll(".chart")) if (chart.drawn && marksOf(chart.drawn) > MOST_MARKS) draw(chart, chart.drawn);
});
