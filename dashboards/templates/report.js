"use strict";
(function () {
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const isNarrow = window.matchMedia("(max-width: 520px)").matches;
  const config = Object.assign({}, figures.config, isNarrow ? {displayModeBar: false} : {});
  for (const [id, figure] of Object.entries(figures.charts)) {
    const place = document.getElementById(id);
    if (isNarrow) { fit(figure.layout, place); figure.data.forEach(shrink); }
    Plotly.newPlot(place, figure.data, figure.layout, config).then(function () {
      place.querySelectorAll("svg").forEach(function (svg) { svg.setAttribute("aria-hidden", "true"); });
    });
  }
  window.addEventListener("beforeprint", function () {
    document.querySelectorAll(".chart").forEach(function (place) { Plotly.Plots.resize(place); });
  });
  function fit(layout, place) {
    layout.dragmode = false;
    if (layout.meta && layout.meta.panels) { stack(layout, layout.meta, place); }
    (layout.annotations || []).forEach(function (a) { a.font = Object.assign({}, a.font, {size: 9}); });
    if (layout.yaxis && layout.yaxis.scaleanchor) {
      layout.height = 1.1 * place.clientWidth;
      layout.xaxis.range = layout.xaxis.range.map(function (v) { return 1.15 * v; });
      place.style.height = layout.height + "px";
    }
  }
  function stack(layout, meta, place) {
    for (let i = 0; i < meta.panels; i += 1) {
      const x = layout["xaxis" + (i ? i + 1 : "")], y = layout["yaxis" + (i ? i + 1 : "")];
      x.domain = [0, 1];
      y.domain = [1 - (i + 0.72) / meta.panels, 1 - i / meta.panels];
      y.showticklabels = true;
    }
    layout.height = meta.head + meta.panel * meta.panels;
    place.style.height = layout.height + "px";
  }
  function shrink(trace) {
    if (trace.marker && Array.isArray(trace.marker.size)) {
      trace.marker.size = trace.marker.size.map(function (v) { return 0.6 * v; });
    }
  }
})();
