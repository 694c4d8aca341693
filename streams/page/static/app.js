// The page: reads JSON of its own server, writes text nodes only.
import { drawChart, drawSpark } from "./chart.js";
import { age, clock, day, dayAndClock, locale, number, setLocale, t, unit } from "./texts.js";

const main = document.getElementById("main");
const MARKS = { high: "▲", medium: "◆", low: "●" };
let fixed = null, shown = null, health = null, version = null, busy = false, range = "1d", away = false, loaded = 0;
const LATE = 120e3; // ms; what is shown of measurements may be so old
const soon = () => ({ signal: AbortSignal.timeout(30e3) }); // or the server counts as away: the next news asks again
const LOAD_EVERY = 1800; // ms; a log that is always busy always has news
const acts = { id: null, sent: new Map() }; // the alert whose form is open; what was sent, and what became of it
const at = (path) => location.origin + path; // a name and password in the page's own address must not come along
const VERDICTS = ["actionable", "not-actionable", "measurement-error", "device-fault", "duplicate"];
const CONFIRMED_WITHIN = 30e3; // ms; a worker that takes an action tells so within seconds
const JUDGED = 20; // resolved alerts of a patient, newest first, that can still be given a verdict

/** An element: class names after dots, attributes, children (text or nodes; null is skipped). */
function el(spec, attributes = {}, ...children) {
  const [name, ...classes] = spec.split(".");
  const made = document.createElement(name || "div");
  if (classes.length) made.className = classes.join(" ");
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children.filter((c) => c !== null && c !== undefined));
  return made;
}

const vitalOf = (code) => fixed.vitals[code] ?? { names: {}, unit: "", decimals: 1 };
const nameOf = (code) => vitalOf(code).names[locale] ?? code;
const words = (alert) => alert.explanation?.[locale] ?? alert.explanation?.en ?? alert.rule ?? "";
// French keeps its signs on the line of their word.
const spoken = (text) => text.replace(/ ([;:!?%»])/g, "\u00a0$1").replace(/(\d) (?=[a-zA-Z°/])/g, "$1\u00a0");
const measure = (code, value) => {
  const vital = vitalOf(code);
  if (vital.symptom && code.startsWith("symptom-")) return t(value > 0 ? "yes" : "no");
  return `${number(value, vital.decimals)} ${unit(vital.unit)}`.trim();
};

/** As the catalogue has them: what a clinician asks for first comes first. */
function inOrder(vitals) {
  const order = Object.keys(fixed.vitals);
  return [...vitals].sort((a, b) => order.indexOf(a.vital) - order.indexOf(b.vital));
}

function badge(severity) {
  return el(`span.badge.${severity}`, {}, el("span", { "aria-hidden": "true" }, MARKS[severity] ?? "●"), ` ${t(severity)}`);
}

function since(alert) {
  if (!["open", "acknowledged"].includes(alert.status)) return dayAndClock(Date.parse(alert.opened_at));
  const length = health.now - Date.parse(alert.opened_at);
  return length < 60e3 ? t("now") : t("since", { age: age(length) });
}

function standing(alert, first) {
  const notes = [];
  if (alert.status === "acknowledged") {
    notes.push(t("acknowledged", { by: alert.acknowledged_by ?? "?" }));
    if (alert.acknowledged_until) notes.push(t("acknowledged_until", { until: dayAndClock(Date.parse(alert.acknowledged_until)) }));
  }
  if (alert.likelihood !== undefined) notes.push(t("likely", { p: number(100 * alert.likelihood, 0) }));
  if (alert.retrospective) notes.push(t("retrospective"));
  if (alert.learning) notes.push(`${t("learning_note")}: ${["days", "readings"].filter((k) => alert.learning[`missing_${k}`]).map((k) => t(`missing_${k}`, { n: alert.learning[`missing_${k}`] })).join(", ")}`);
  return el(`li.alert${first ? ".first" : ""}`, {},
    el(".alert-head", {}, badge(alert.severity), el("span.kind", {}, t(alert.kind)), el("span.age", {}, since(alert))),
    el("p.words", {}, spoken(words(alert))),
    notes.length ? el("p.note", {}, notes.join(" ")) : null);
}

function card(patient) {
  const worst = patient.alerts[0];
  const done = worst.status === "acknowledged" ? ".done" : "";
  return el(`a.card.${worst.severity}${done}`, { href: `#/${patient.patient}`, id: `c-${patient.patient}` },
    el(".who", {}, el("h3", {}, patient.patient), el("span.programme", {}, patient.programme ? t(patient.programme) : ""),
      patient.spark && patient.spark.points.length > 1 ? el(".spark-box", {}, drawSpark(patient.spark), el("span", {}, nameOf(patient.spark.vital))) : null),
    el("ul.alerts", {}, ...patient.alerts.map((a, i) => standing(a, i === 0))));
}

function quiet(patient) {
  return el("a.calm", { href: `#/${patient.patient}`, id: `c-${patient.patient}` },
    el(".who", {}, el("h3", {}, patient.patient), el("span.programme", {}, patient.programme ? t(patient.programme) : "")),
    el("dl", {}, ...inOrder(patient.vitals).filter((v) => !v.vital.startsWith("symptom-")).map((v) => el("div", {}, el("dt", {}, nameOf(v.vital)), el("dd", {}, measure(v.vital, v.value))))));
}

function drawWard(data) {
  const calling = data.patients.filter((p) => p.alerts.length), calm = data.patients.filter((p) => !p.alerts.length);
  const counts = Object.entries(data.open).filter(([, n]) => n).map(([severity, n]) =>
    el(`span.count.${severity}`, {}, el("span", { "aria-hidden": "true" }, MARKS[severity]), ` ${t(`count_${severity}`, { n })}`));
  if (!data.patients.length) return [el("p.empty", {}, t("waiting"))];
  return [
    el(".title", {}, el("h1", {}, t("attention")), el(".counts", {}, ...counts)),
    calling.length ? el(".cards", {}, ...calling.map(card)) : el("p.empty", {}, t("calm")),
    calm.length ? el("h2", {}, `${t("quiet")} · ${t("patients", { n: calm.length })}`) : null,
    el(".calms", {}, ...calm.map(quiet)),
  ];
}

function windowTable(chart) {
  const rows = Object.entries(chart.windows);
  if (!rows.length) return null;
  const d = vitalOf(chart.vital).decimals;
  return el("table", {},
    el("thead", {}, el("tr", {}, ...["window", "mean", "spread", "count"].map((k) => el("th", { scope: "col" }, t(k))))),
    el("tbody", {}, ...rows.map(([w, f]) => el("tr", {},
      el("th", { scope: "row" }, `${t(w === "1d" ? "1d_window" : w)} · ${w === "1d" ? day(f.at) : clock(f.at)}`),
      el("td", {}, number(f.mean, d)), el("td", {}, `${number(f.min, d)}–${number(f.max, d)}`), el("td", {}, number(f.count))))));
}

function timeInRange(chart) {
  const f = chart.windows["1d"];
  if (!f || f.time_in_70_180 === undefined) return null;
  return el("p.tir", {}, `${t("1d_window")} · ${day(f.at)}: ${ranges(f)}`);
}

const ranges = (f) => [["below", f.time_below_70], ["in_range", f.time_in_70_180], ["above", f.time_above_180]]
  .map(([key, p]) => t(key, { p: number(p, 0) })).join(" · ");

/** Two weeks of a sensor: its mean stands for HbA1c only when it was worn long enough. */
function twoWeeks(g) {
  if (!g) return null;
  const indicator = g.glucose_management_indicator === null ? t("gmi_hidden") : t("gmi", { p: number(g.glucose_management_indicator, 1) });
  const more = [t("worn", { p: number(g.worn, 0) }), t("mean_of", { x: number(g.mean, 0) }), t("cv", { p: number(g.coefficient_of_variation, 0) }), indicator];
  return el("p.tir", {}, `${t("two_weeks")}: ${ranges(g.ranges)} · ${more.join(" · ")}`);
}

/** What the patient's own normal still misses. */
function learning(missing) {
  if (!missing) return null;
  const parts = ["days", "readings", "together"].filter((k) => missing[k]).map((k) => t(`missing_${k}`, { n: missing[k] }));
  return el("p.legend", {}, spoken(parts.length ? t("learning_more", { what: parts.join(", ") }) : t("learning")));
}

function chartBox(chart, width) {
  const vital = vitalOf(chart.vital), last = chart.last; // the reading itself, not the mean of its window
  const learnt = chart.band.length
    ? el("p.legend", {}, el("span.swatch", { "aria-hidden": "true" }), ` ${t("band")}${chart.readings ? `, ${t("from_readings", { n: chart.readings })}` : ""}`)
    : null;
  return el("section.chart", {},
    el(".chart-head", {}, el("h3", {}, nameOf(chart.vital)),
      last ? el("span.value", {}, measure(chart.vital, last[1]), el("small", {}, ` ${dayAndClock(last[0])}`)) : null),
    drawChart(chart, vital, nameOf(chart.vital), width), learnt, learning(chart.learning), timeInRange(chart), twoWeeks(chart.glucose), windowTable(chart));
}

/** What a nurse can do about an alert as it stands: a button, its small form, or what became of it. */
function acting(alert, action) {
  const id = alert.alert_id, sent = acts.sent.get(id);
  if (sent && sent.sequence !== alert.sequence) acts.sent.delete(id); // something came of it, and is shown
  else if (sent && !sent.refused && Date.now() - sent.at < CONFIRMED_WITHIN) return el("p.note", { role: "status" }, t("sent"));
  const note = acts.sent.has(id) ? el("p.note.bad", { role: "alert" }, sent.refused ?? t("unconfirmed")) : null;
  if (acts.id !== id) {
    const button = el("button.take", { type: "button", id: `t-${id}` }, t(action));
    button.addEventListener("click", () => { acts.id = id; draw(); document.getElementById(`n-${id}`)?.focus(); });
    return el("div", {}, note, button);
  }
  const name = el("input", { id: `n-${id}`, required: "", maxlength: "64", pattern: "[A-Za-z0-9_\\-]+", title: t("name_help"), autocomplete: "off", autocapitalize: "none", value: recall("vigie-name") ?? fixed.name });
  const choices = action === "acknowledge" ? [60, 240, 720, 1440].map((m) => [m, `${m / 60} h`]) : ["", ...VERDICTS].map((v) => [v, t(v || "choose")]);
  const choice = el("select", { id: `m-${id}`, required: "" }, ...choices.map(([value, text]) => el("option", { value }, text)));
  if (action === "acknowledge") choice.value = "240";
  const cancel = el("button", { type: "button" }, t("cancel"));
  cancel.addEventListener("click", () => { acts.id = null; draw(); document.getElementById(`t-${id}`)?.focus(); });
  const form = el("form.taking", {}, el("label", {}, t("your_name"), name), el("label", {}, t(action === "acknowledge" ? "for_how_long" : "verdict"), choice),
    el("button.take", { type: "submit" }, t("confirm")), cancel);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(alert, { alert_id: id, action: action === "judge" ? "verdict" : action, by: name.value, ...(action === "acknowledge" ? { minutes: Number(choice.value) } : { verdict: choice.value }) });
  });
  return el("div", {}, note, form);
}

async function send(alert, act) {
  keep("vigie-name", act.by);
  acts.id = null;
  const sent = { sequence: alert.sequence, at: Date.now(), refused: null };
  acts.sent.set(act.alert_id, sent);
  document.activeElement?.blur();
  draw();
  try {
    const { token } = await (await fetch(at("/api/fixed"), soon())).json(); // the server may have been started anew
    const answer = await fetch(at("/api/act"), { method: "POST", headers: { "Content-Type": "application/json", "X-Vigie-Token": token }, body: JSON.stringify(act), ...soon() });
    if (!answer.ok) sent.refused = t("refused", { why: await answer.text() });
  } catch { sent.refused = t("refused", { why: t("away") }); }
  draw();
}

function alertBox(alert, action) {
  const code = alert.vital;
  const life = (alert.life ?? []).map((e) => `${t(e.event === "acknowledged" ? "acknowledged_event" : e.event)} ${dayAndClock(Date.parse(e.received_at))}`).join(" · ");
  const judged = alert.verdict ? el("p.note", {}, spoken(t("judged", { what: t(alert.verdict), by: alert.acknowledged_by ?? "?" }))) : "";
  const last = (alert.last_points ?? []).slice(-6).map((p) => [p.value, Date.parse(p.measured_at)]);
  const days = last.length > 0 && last[last.length - 1][1] - last[0][1] > 20 * 3600e3; // then a time of day tells nothing
  const points = last.map(([value, at]) => `${number(value, vitalOf(code).decimals)} (${days ? day(at) : clock(at)})`).join(" · ");
  const box = standing(alert, true);
  box.append(
    points ? el("p.note", {}, spoken(t("last_points", { points }))) : "",
    ...(alert.likelihood_reasons?.[locale] ?? []).map((reason) => el("p.note", {}, reason)),
    el("p.note", {}, life), judged, el("p.note", {}, t("rule", { rule: alert.rule, version: alert.rule_version ?? "?" })),
    action && fixed.token ? acting(alert, action) : "");
  return box;
}

function drawPatient(data) {
  const open = data.alerts.filter((a) => ["open", "acknowledged"].includes(a.status));
  const newest = (key) => (a, b) => (a[key] < b[key] ? 1 : -1);
  const past = data.alerts.filter((a) => !open.includes(a)).sort(newest("opened_at"));
  const waiting = past.filter((a) => a.status === "resolved").sort(newest("received_at")).slice(0, JUDGED);
  const room = Math.min(main.clientWidth, 1200) - 2;
  const width = Math.floor(room >= 760 ? (room - 16) / 2 - 34 : room - 34);
  const buttons = ["1d", "7d", "21d"].map((name) => {
    const button = el("button", { type: "button", "aria-pressed": String(name === range), id: `r-${name}` }, t(name));
    button.addEventListener("click", () => { range = name; load(); });
    return button;
  });
  return [
    el("p", {}, el("a.back", { href: "#/" }, `← ${t("back")}`)),
    el(".title", {}, el("h1", {}, data.patient), el("span.programme", {}, data.programme ? t(data.programme) : "")),
    el("h2", {}, t("open_alerts")),
    open.length ? el("ul.alerts.boxes", {}, ...open.map((a) => alertBox(a, a.status === "open" ? "acknowledge" : null))) : el("p.empty", {}, t("none")),
    el(".title", {}, el("h2", {}, t("vitals")), el(".ranges", { role: "group", "aria-label": t("range") }, ...buttons)),
    el(".charts", {}, ...data.charts.map((c) => chartBox(c, width))),
    el("h2", {}, t("past_alerts")),
    past.length ? el("ul.alerts.boxes.past", {}, ...past.map((a) => alertBox(a, waiting.includes(a) ? "judge" : null))) : el("p.empty", {}, t("none")),
  ];
}

function draw() {
  if (!shown) return;
  const focused = document.activeElement?.id;
  if (acts.id && document.activeElement?.form) { drawHeader(); return; } // somebody is writing
  main.replaceChildren(...(shown.charts ? drawPatient(shown) : drawWard(shown)).filter((n) => n !== null));
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  drawHeader();
}

function drawHeader() {
  const line = document.getElementById("health");
  const stale = away || (health && (health.incomplete || (health.age !== null && health.age > 900)));
  const catching = health?.until && health.now - health.until > LATE;
  line.className = stale || catching ? "bad" : "";
  if (away) line.textContent = `⚠ ${t("away")}`;
  else if (health?.incomplete) line.textContent = `⚠ ${health.behind === null ? t("catching_up") : t("behind", { age: age(health.behind * 1000) })}`;
  else if (catching) line.textContent = `⚠ ${t("reading", { until: dayAndClock(health.until) })}`;
  else if (stale) line.textContent = `⚠ ${t("stalled", { age: age(health.age * 1000) })}`;
  else if (health && health.age !== null) line.textContent = t("health", { now: dayAndClock(health.now), age: age(health.age * 1000) });
  else line.textContent = t("waiting");
  document.getElementById("notice").textContent = (fixed?.simulated ? `${t("simulated")} ` : "") + t("notice");
  document.getElementById("skip").textContent = t("skip");
  document.getElementById("languages").replaceChildren(...["en", "fr"].map((name) => {
    const button = el("button", { type: "button", lang: name, "aria-pressed": String(name === locale), id: `l-${name}` }, name.toUpperCase());
    button.addEventListener("click", () => { setLocale(name); keep("vigie-locale", name); draw(); drawHeader(); });
    return button;
  }));
}

function keep(key, value) { try { localStorage.setItem(key, value); } catch { /* private window */ } }
function recall(key) { try { return localStorage.getItem(key); } catch { return null; } }

async function load() {
  if (busy) return;
  busy = true; loaded = Date.now();
  try {
    const patient = location.hash.slice(2);
    const answer = await fetch(at(patient ? `/api/patient/${encodeURIComponent(patient)}?range=${range}` : "/api/ward"), soon());
    if (!answer.ok) throw new Error(`${answer.status}`);
    const data = await answer.json();
    if (patient === location.hash.slice(2)) {
      shown = data; health = data.health; version = health.version; away = false;
      draw();
    }
  } catch { away = true; drawHeader(); } finally { busy = false; }
}

async function start() {
  fixed = await (await fetch(at("/api/fixed"))).json();
  setLocale(recall("vigie-locale") ?? fixed.locale);
  drawHeader();
  await load();
  const events = new EventSource(at("/api/events"));
  events.addEventListener("health", (event) => {
    health = JSON.parse(event.data); away = false;
    if (health.version !== version && Date.now() - loaded > LOAD_EVERY) load(); else drawHeader();
  });
  events.addEventListener("error", () => { away = true; drawHeader(); });
  addEventListener("hashchange", () => { scrollTo(0, 0); acts.id = null; load(); });
  addEventListener("resize", draw);
}

start();
