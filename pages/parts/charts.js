const plotly = (url) => (window.mnistLabPlotly ??= new Promise((resolve, reject) => {
  if (window.Plotly) return resolve(window.Plotly);
  const script = document.createElement("script");
  script.src = url;
  script.onload = () => resolve(window.Plotly);
  script.onerror = () => { window.mnistLabPlotly = undefined; reject(new Error(url)); };
  document.head.append(script);
}));

const GROWING = new Set(["size", "l", "r", "t", "b"]);  // of type and points, and margins

// Strings that name a CSS variable become its value in the theme of the moment; sizes grow with the page's.
const themed = (value, style, scale, name) => {
  if (GROWING.has(name)) return value * scale;
  if (typeof value === "string") {
    return value.startsWith("--st-") ? style.getPropertyValue(value).trim() : value;
  }
  if (Array.isArray(value)) return value.map((item) => themed(item, style, scale));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, themed(item, style, scale, name)]));
};

export default async function ({ data, parentElement, setTriggerValue }) {
  const chart = parentElement.querySelector(".mnist-lab-chart");
  chart.style.height = `${data.layout.height}px`;
  chart.setAttribute("role", "img");
  let library;
  try {
    library = await plotly(data.script);
  } catch (error) {
    chart.textContent = `The charts need ${error.message}, which this server does not give. Reload the page.`;
    return;
  }
  const show = ({ traces, layout, words }) => {
    const style = getComputedStyle(chart);
    const scale = parseFloat(getComputedStyle(document.documentElement).fontSize) / 16;  // larger on a projector
    const options = { displaylogo: false, modeBarButtons: [["zoom2d", "pan2d", "resetScale2d", "toImage"]] };
    chart.setAttribute("aria-label", words.trim());
    return library.react(chart, themed(traces, style, scale), themed(layout, style, scale), options);
  };
  await show(data);
  follow(data.name, chart, show);
  if (data.choose && !chart.choosing) {
    chart.choosing = true;
    chart.on("plotly_click", ({ points }) => {
      const chosen = points.find((point) => point.customdata !== undefined);
      if (chosen) setTriggerValue("chosen", chosen.customdata);
    });
  }
  if (!chart.resizing) {
    chart.resizing = new ResizeObserver(() => chart.isConnected && library.Plots.resize(chart));
    chart.resizing.observe(parentElement);
  }
  // Also called when new data came while this call was still waiting: by then the chart shows the new data.
  return () => setTimeout(() => {
    if (chart.isConnected) return;
    chart.resizing?.disconnect();
    library.purge(chart);
  }, 1000);
}
