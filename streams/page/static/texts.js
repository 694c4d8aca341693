// Every word of the page, in English and French. Explanations of alerts come with the alerts.
const TEXTS = {
  en: {
    notice: "Not a medical device, no emergency service. In an emergency, call 112.",
    simulated: "Simulated patients.",
    attention: "Who needs attention first",
    quiet: "Nothing to report",
    calm: "No alert is open.",
    waiting: "Waiting for the first results…",
    high: "High", medium: "Medium", low: "Low",
    count_high: "{n} high", count_medium: "{n} medium", count_low: "{n} low",
    limit: "Limit", baseline: "Unlike this patient's normal", trend: "Trend", score: "Score",
    symptom: "Symptom", silence: "No measurement", technical: "Device",
    acknowledged: "Acknowledged by {by}", acknowledged_until: "until {until}",
    retrospective: "Found afterwards, in readings that came late",
    likely: "Actionable by earlier verdicts: {p} %",
    since: "for {age}", now: "just now",
    health: "Data until {now} · last result stored {age} ago",
    stalled: "No new result for {age}", away: "The page's server does not answer",
    reading: "Catching up: measurements until {until} so far",
    behind: "Alerts may be missing: no contact with the log for {age}",
    catching_up: "Catching up with the log: alerts may still be missing",
    skip: "Skip to content", back: "All patients", range: "Period",
    "1d": "24 h", "7d": "7 days", "21d": "21 days",
    open_alerts: "Open alerts", past_alerts: "Earlier alerts", none: "None.",
    vitals: "Measurements", band: "expected for this patient", from_readings: "from {n} {n|reading|readings}",
    learning: "still learning this patient's normal", learning_more: "still learning this patient's normal: {what}",
    learning_note: "Own normal not known yet", missing_days: "{n} {n|day|days} missing", missing_readings: "{n} {n|reading|readings} missing",
    missing_together: "{n} {n|day|days} missing together with other vitals",
    two_weeks: "14 days", worn: "worn {p} % of the time", mean_of: "mean {x} mg/dL", cv: "variation (CV) {p} %",
    gmi: "GMI {p} %", gmi_hidden: "no GMI (70 % worn needed)", limit_line: "limit", no_data: "No measurement in this period",
    window: "Window", mean: "Mean", spread: "Lowest–highest", count: "Readings",
    "15m": "15 min", "1h": "1 h", "1d_window": "Day", in_range: "In range 70–180: {p} %", below: "below 70: {p} %",
    above: "above 180: {p} %",
    opened: "Opened", updated: "Changed", resolved: "Resolved", closed: "Closed", acknowledged_event: "Acknowledged",
    rule: "Rule {rule}, version {version}", last_points: "Last readings: {points}",
    patients: "{n} {n|patient|patients}", more: "more",
    "heart-failure": "Heart failure", diabetes: "Diabetes", copd: "COPD", "copd-asthma": "COPD and asthma",
    hypertension: "Hypertension", "post-operative": "After surgery", default: "General",
    yes: "yes", no: "no", night: "night", day: "day",
    acknowledge: "Acknowledge", your_name: "Your pseudonym", for_how_long: "For", confirm: "Confirm", cancel: "Cancel",
    sent: "Sent…", refused: "Not taken: {why}", name_help: "letters, digits, - and _",
    unconfirmed: "Sent, but not confirmed yet: no worker has taken it.",
    judge: "Give a verdict", choose: "choose…", verdict: "Verdict", judged: "Verdict: {what}, by {by}", actionable: "Useful: something had to be done",
    "not-actionable": "True, but nothing to do", "measurement-error": "Error of measurement",
    "device-fault": "Fault of the device", duplicate: "The same as another alert",
    asthma: "Asthma",
  },
  fr: {
    notice: "Ni dispositif médical, ni service d'urgence. En cas d'urgence, appelez le 15 ou le 112.",
    simulated: "Patients simulés.",
    attention: "À voir en premier",
    quiet: "Rien à signaler",
    calm: "Aucune alerte ouverte.",
    waiting: "En attente des premiers résultats…",
    high: "Élevée", medium: "Moyenne", low: "Faible",
    count_high: "{n} {n|élevée|élevées}", count_medium: "{n} {n|moyenne|moyennes}", count_low: "{n} {n|faible|faibles}",
    limit: "Limite", baseline: "Inhabituel chez ce patient", trend: "Tendance", score: "Score",
    symptom: "Symptôme", silence: "Pas de mesure", technical: "Appareil",
    acknowledged: "Prise en compte par {by}", acknowledged_until: "jusqu'à {until}",
    retrospective: "Constatée après coup, dans des mesures arrivées en retard",
    likely: "Utile d'après les verdicts passés : {p} %",
    since: "depuis {age}", now: "à l'instant",
    health: "Données jusqu'à {now} · dernier résultat il y a {age}",
    stalled: "Aucun nouveau résultat depuis {age}", away: "Le serveur de la page ne répond pas",
    reading: "Lecture en cours : mesures jusqu'à {until} pour l'instant",
    behind: "Des alertes peuvent manquer : pas de contact avec le journal depuis {age}",
    catching_up: "Lecture du journal en cours : des alertes peuvent encore manquer",
    skip: "Aller au contenu", back: "Tous les patients", range: "Période",
    "1d": "24 h", "7d": "7 jours", "21d": "21 jours",
    open_alerts: "Alertes ouvertes", past_alerts: "Alertes précédentes", none: "Aucune.",
    vitals: "Mesures", band: "attendu chez ce patient", from_readings: "d'après {n} {n|mesure|mesures}",
    learning: "la normale de ce patient est encore en apprentissage",
    learning_more: "la normale de ce patient est encore en apprentissage : {what}",
    learning_note: "Normale propre pas encore connue", missing_days: "{n} {n|jour manquant|jours manquants}",
    missing_readings: "{n} {n|mesure manquante|mesures manquantes}",
    missing_together: "{n} {n|jour manquant|jours manquants} avec d'autres paramètres",
    two_weeks: "14 jours", worn: "porté {p} % du temps", mean_of: "moyenne {x} mg/dL", cv: "variation (CV) {p} %",
    gmi: "GMI {p} %", gmi_hidden: "pas de GMI (porté 70 % requis)", limit_line: "limite",
    no_data: "Aucune mesure sur cette période",
    window: "Fenêtre", mean: "Moyenne", spread: "Min.–max.", count: "Mesures",
    "15m": "15 min", "1h": "1 h", "1d_window": "Jour", in_range: "Dans la cible 70–180 : {p} %",
    below: "sous 70 : {p} %", above: "au-dessus de 180 : {p} %",
    opened: "Ouverte", updated: "Modifiée", resolved: "Résolue", closed: "Close", acknowledged_event: "Prise en compte",
    rule: "Règle {rule}, version {version}", last_points: "Dernières mesures : {points}",
    patients: "{n} {n|patient|patients}", more: "de plus",
    "heart-failure": "Insuffisance cardiaque", diabetes: "Diabète", copd: "BPCO", "copd-asthma": "BPCO et asthme",
    hypertension: "Hypertension", "post-operative": "Après une opération", default: "Général",
    yes: "oui", no: "non", night: "nuit", day: "jour",
    acknowledge: "Prendre en compte", your_name: "Votre pseudonyme", for_how_long: "Pendant", confirm: "Confirmer", cancel: "Annuler",
    sent: "Envoyé…", refused: "Refusé : {why}", name_help: "lettres, chiffres, - et _",
    unconfirmed: "Envoyé, mais pas encore confirmé : aucun worker ne l'a pris.",
    judge: "Donner un verdict", choose: "à choisir…", verdict: "Verdict", judged: "Verdict : {what}, par {by}", actionable: "Utile : il fallait agir",
    "not-actionable": "Vraie, mais rien à faire", "measurement-error": "Erreur de mesure",
    "device-fault": "Défaut de l'appareil", duplicate: "La même qu'une autre alerte",
    asthma: "Asthme",
  },
};

export let locale = "en";

export function setLocale(name) {
  locale = Object.hasOwn(TEXTS, name) ? name : "en";
  document.documentElement.lang = locale;
}

/** The text of a key; the key itself when there is none. {name} is a value, {name|one|many} its word by number. */
export function t(key, values = {}) {
  const text = Object.hasOwn(TEXTS[locale], key) ? TEXTS[locale][key] : key; // a programme may have any name
  return text.replace(/\{(\w+)(?:\|([^|}]*)\|([^|}]*))?\}/g, (_, name, one, many) => {
    const value = values[name] ?? "";
    if (one === undefined) return typeof value === "number" ? number(value) : String(value);
    return new Intl.PluralRules(locale).select(Number(value)) === "one" ? one : many;
  });
}

// English as written in Europe: day before month, 24 hours.
export function region() {
  return locale === "en" ? "en-GB" : locale;
}

export function number(value, decimals = 0) {
  return (Number(value) || 0).toLocaleString(region(), { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}

export function clock(ms) {
  return new Date(ms).toLocaleTimeString(region(), { hour: "2-digit", minute: "2-digit" });
}

export function dayAndClock(ms) {
  return new Date(ms).toLocaleString(region(), { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
}

export function day(ms) {
  return new Date(ms).toLocaleDateString(region(), { day: "numeric", month: "short" });
}

/** A length of time in its largest unit. */
export function age(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 90) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return `${minutes} min`;
  const hours = Math.round(minutes / 60);
  if (hours < 48) return `${hours} h`;
  return `${Math.round(hours / 24)} ${locale === "fr" ? "j" : "days"}`;
}

/** UCUM as people write it. */
export function unit(ucum) {
  const known = { "mm[Hg]": "mmHg", "Cel": "°C", "{score}": "", "{yes}": "", "{steps}": locale === "fr" ? "pas" : "steps" };
  return known[ucum] ?? ucum;
}
