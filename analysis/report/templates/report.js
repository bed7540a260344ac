"use strict";
// Each figure holds its Vega-Lite specification as JSON; the expressions in it are interpreted, not compiled.
const options = {
  ast: true,
  renderer: "svg",
  tooltip: { theme: "custom" },
  actions: { export: true, source: false, compiled: false, editor: false },
};
for (const chart of document.querySelectorAll(".chart")) {
  const spec = JSON.parse(document.getElementById(chart.dataset.spec).textContent);
  if (chart.clientWidth < 480) spec.config.legend.columns = 4;
  vegaEmbed(chart, spec, { ...options, downloadFileName: chart.dataset.spec })
    .then(() => chart.classList.add("drawn"))
    .catch((error) => {
      chart.textContent = `This figure could not be drawn: ${error.message}`;
      console.error(error);
    });
}
