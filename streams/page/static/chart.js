// One vital as inline SVG: the line, the band expected of this patient, limits, the moments alerts opened.
import { clock, day, number, t } from "./texts.js";

const NS = "http://www.w3.org/2000/svg";
const PAD = { left: 40, right: 12, top: 10, bottom: 22 };
const HOUR = 3600e3;

function node(name, attributes = {}, text = null) {
  const made = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== null) made.textContent = text;
  return made;
}

/** Round steps for an axis: about `wanted` of them between low and high. */
function ticks(low, high, wanted) {
  const raw = (high - low) / wanted || 1;
  const base = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((m) => m * base).find((s) => s >= raw);
  const found = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9; i += 1) found.push(i * step);
  return { found, decimals: Math.max(0, -Math.floor(Math.log10(step) + 1e-9)) };
}

/** What the axis must show: the readings, nearby limits, and the band as far as it stays in sight. */
function bounds(chart) {
  const values = chart.points.map((p) => p[1]).filter((v) => v !== null);
  if (!values.length) return [0, 1];
  let low = Math.min(...values), high = Math.max(...values);
  const room = Math.max(high - low, Math.abs(high) * 0.04, 0.5);
  for (const [, bottom, , top] of chart.band) {
    if (bottom > low - room) low = Math.min(low, bottom);
    if (top < high + room) high = Math.max(high, top);
  }
  for (const { value } of chart.limits) {
    if (value > low - room && value < low) low = value;
    if (value < high + room && value > high) high = value;
  }
  const margin = (high - low || room) * 0.08;
  return [low - margin, high + margin];
}

/** Pieces of a line, broken where readings are missing. */
function pieces(points, gap) {
  const found = [];
  let last = -Infinity;
  for (const point of points) {
    if (point[1] === null) continue;
    if (point[0] - last > gap) found.push([]);
    found[found.length - 1].push(point);
    last = point[0];
  }
  return found;
}

function usualGap(points, step) {
  if (points.length < 3) return Math.max(step, 1) * 3;
  const gaps = points.slice(1).map((p, i) => p[0] - points[i][0]).sort((a, b) => a - b);
  return Math.max(step, gaps[gaps.length >> 1]) * 3.5;
}

export function drawChart(chart, vital, name, width, height = 190) {
  const [low, high] = bounds(chart);
  const x = (at) => PAD.left + ((at - chart.from) / (chart.until - chart.from)) * (width - PAD.left - PAD.right);
  const y = (v) => height - PAD.bottom - ((v - low) / (high - low)) * (height - PAD.top - PAD.bottom);
  const inside = (v) => Math.min(high, Math.max(low, v));
  const values = chart.points.filter((p) => p[1] !== null);
  const last = values[values.length - 1];
  const svg = node("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img" });
  svg.append(node("title", {}, last ? `${name}: ${number(last[1], vital.decimals)}` : `${name}: ${t("no_data")}`));

  for (const piece of pieces(chart.band, usualGap(chart.band, chart.step))) {
    if (piece.length < 2) continue;
    const top = piece.map((p) => `${x(p[0]).toFixed(1)},${y(inside(p[3])).toFixed(1)}`);
    const bottom = piece.map((p) => `${x(p[0]).toFixed(1)},${y(inside(p[1])).toFixed(1)}`).reverse();
    svg.append(node("polygon", { class: "band", points: [...top, ...bottom].join(" ") }));
  }
  const axis = chart.vital.startsWith("symptom-") ? { found: [0, 1], decimals: 0 } : ticks(low, high, 4);
  for (const v of axis.found) {
    svg.append(node("line", { class: "grid", x1: PAD.left, x2: width - PAD.right, y1: y(v), y2: y(v) }));
    svg.append(node("text", { class: "axis", x: PAD.left - 6, y: y(v) + 4, "text-anchor": "end" }, chart.vital.startsWith("symptom-") ? t(v ? "yes" : "no") : number(v, axis.decimals)));
  }
  const days = (chart.until - chart.from) / (24 * HOUR);
  const next = new Date(chart.from); next.setHours(0, 0, 0, 0);
  const dates = days <= 1.01 ? 0 : Math.ceil(days / Math.max(2, Math.floor(width / 90)));
  // by the calendar: a day of 23 or 25 hours must not move the midnights after it
  for (let at = next.getTime(); at <= chart.until; at = dates ? next.setDate(next.getDate() + dates) : at + 6 * HOUR) {
    if (at < chart.from || x(at) > width - 30) continue;
    svg.append(node("line", { class: "grid", x1: x(at), x2: x(at), y1: PAD.top, y2: height - PAD.bottom }));
    svg.append(node("text", { class: "axis", x: x(at), y: height - 6, "text-anchor": "middle" }, days <= 1.01 ? clock(at) : day(at)));
  }
  const told = []; // heights that bear a word already: two limits may lie close together
  for (const { value, severity, when } of chart.limits) {
    if (value < low || value > high) continue;
    const at = y(value);
    svg.append(node("line", { class: `limit ${severity}`, x1: PAD.left, x2: width - PAD.right, y1: at, y2: at }));
    const near = told.filter((other) => Math.abs(other - at) < 12).length;
    told.push(at);
    if (near > 1) continue;
    const place = near ? { x: width - PAD.right - 16, "text-anchor": "end" } : { x: PAD.left + 4 };
    const hours = when === "night" || when === "day" ? ` (${t(when)})` : "";
    svg.append(node("text", { class: `limit-text ${severity}`, ...place, y: at - 4 }, `${t("limit_line")} ${number(value, vital.decimals)}${hours}`));
  }
  for (const opened of chart.opened) {
    const at = Date.parse(opened);
    if (at < chart.from || at > chart.until) continue;
    svg.append(node("line", { class: "opened", x1: x(at), x2: x(at), y1: PAD.top, y2: height - PAD.bottom }));
    svg.append(node("path", { class: "opened-mark", d: `M${x(at) - 5},${PAD.top} h10 l-5,8 z` }));
  }
  if (!chart.single) {
    for (const piece of pieces(chart.points, usualGap(values, chart.step))) {
      if (piece.length === 1) svg.append(node("circle", { class: "dot", cx: x(piece[0][0]), cy: y(piece[0][1]), r: 1.6 }));
      else svg.append(node("polyline", { class: "line", points: piece.map((p) => `${x(p[0]).toFixed(1)},${y(p[1]).toFixed(1)}`).join(" ") }));
    }
  } else {
    svg.append(node("polyline", { class: "line thin", points: values.map((p) => `${x(p[0])},${y(p[1])}`).join(" ") }));
    for (const p of values) svg.append(node("circle", { class: "dot", cx: x(p[0]), cy: y(p[1]), r: 3 }));
  }
  if (last) svg.append(node("circle", { class: "last", cx: x(last[0]), cy: y(last[1]), r: 4 }));
  else svg.append(node("text", { class: "axis", x: width / 2, y: height / 2, "text-anchor": "middle" }, t("no_data")));
  return svg;
}

/** The small curve beside an alert. */
export function drawSpark(spark, width = 132, height = 40) {
  const svg = node("svg", { class: "spark", width, height, viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" });
  const values = spark.points.filter((p) => p[1] !== null);
  if (values.length < 2) return svg;
  const low = Math.min(...values.map((p) => p[1])), high = Math.max(...values.map((p) => p[1]));
  const x = (at) => 4 + ((at - spark.from) / (spark.until - spark.from)) * (width - 8);
  const y = (v) => height - 5 - ((v - low) / (high - low || 1)) * (height - 10);
  for (const piece of pieces(values, usualGap(values, 0))) {
    svg.append(node("polyline", { class: "line", points: piece.map((p) => `${x(p[0]).toFixed(1)},${y(p[1]).toFixed(1)}`).join(" ") }));
  }
  const last = values[values.length - 1];
  svg.append(node("circle", { class: "last", cx: x(last[0]), cy: y(last[1]), r: 3 }));
  return svg;
}
