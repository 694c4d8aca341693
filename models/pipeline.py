"""One partition's journey: decode → quality → rollup → score → triage → wire, in log order.

Readings run through the compiled kernel in stretches; a record of another kind (plan, action, tick)
ends a stretch, so that everything happens at its own place in the log, whatever the batches are.
"""

from collections.abc import Callable, Mapping, Sequence

import msgspec
import numpy as np

from models import checklist, devices, joint, kernel, news2, report, triage
from models import record as R
from models.arrivals import Arrivals, arrive, fault_of
from models.calibration import Calibration, decode_calibration, in_force, of_vital
from models.catalog import Catalog, Vital
from models.decode import Other, Reading, is_name
from models.fields import UNKNOWN
from models.plan import Plan, decode_plan
from models.record import WINDOW_NAMES
from models.reset import forget
from models.rivers.watch import Watches
from models.routes import Routes
from models.rules import RuleSets, allowance, compile_catalog, gains_of, limits_of
from models.score.acute_parameters import parameters
from models.state import NEVER, Patient, State
from models.times import parse_times
from models.triage import Cause, Transition
from models.verdicts.calibration import (
    LikelihoodCalibration,
    decode_likelihood,
    is_likelihood,
    of_programme,
    remember,
)
from models.verdicts.features import WORDS, at_opening, remember_opening, vector
from models.verdicts.reasons import estimate
from models.wire import Reject

BUFFER_BYTES = 1 << 20
EVENTS = 4096
DEVICE_EVENTS = (R.CLOCK_AHEAD, R.IMPOSSIBLE_VALUE, R.DEVICE_HEARD)


class Ledger(msgspec.Struct, frozen=True):
    """The fate of everything received: received = accepted + duplicate + late + the sum of rejected."""

    received: int
    accepted: int
    duplicate: int
    late: int
    rejected: dict[str, int]
    plans: int
    actions: int
    calibrations: int
    ticks: int
    estimators_failed: int = 0


class Outputs(msgspec.Struct):
    """What a batch caused, each in log order. `results` is line protocol."""

    results: bytes
    alerts: list[Transition]
    rejects: list[Reject]


class Action(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What a nurse did: to an alert, or to what was learned of a vital."""

    kind: str = "action"
    patient: str
    action: str
    by: str
    alert_id: str = ""
    vital: str = ""
    until: str | None = None
    verdict: str | None = None


class Pipeline:
    """The core of one partition. Time enters as records; nothing else is asked."""

    def __init__(
        self,
        catalog: Catalog,
        default: Plan,
        zones: Callable[[str], R.Zone],
        capacity: int = 64,
        acute: np.ndarray | None = None,
        slow: np.ndarray | None = None,
    ) -> None:
        """`acute`, `slow`: PARAMETERS (1,) other than the one set used everywhere, for an evaluation."""
        self.catalog, self.default, self._zones = catalog, default, zones
        self.vitals, self.codes = compile_catalog(catalog)
        self.rules = RuleSets(slow)
        self._acute = parameters() if acute is None else acute
        self.state = State([v.code for v in catalog.vitals], capacity)
        self.reporter = report.Reporter(catalog)
        self.watches = Watches()
        self.position = -1
        self._zone_names: list[str] = []
        self._zone_starts = np.full((1, 1), -NEVER, np.int64)
        self._zone_offsets = np.zeros((1, 1), np.int32)
        self._routes = Routes()
        self._buffer = np.zeros(BUFFER_BYTES, np.uint8)
        self._events = np.zeros(EVENTS, R.EVENT)
        self._used = np.zeros(2, np.int64)
        self._replay_until = -1
        self._calibrations: dict[str, Calibration] | None = None  # in force, by programme; None = look it up
        self._likelihoods: dict[str, LikelihoodCalibration] = {}  # looked up with them
        self._next_expiry = NEVER
        self._out = Outputs(b"", [], [])
        self._results: list[bytes] = []

    # -- a batch

    def process(
        self,
        values: Sequence[bytes],
        timestamps: Sequence[int],
        offsets: Sequence[int],
        keys: Sequence[bytes | None] | None = None,
    ) -> Outputs:
        """Take records in log order: values, received_at in ms, ascending offsets, keys to be checked.

        Never raises for what a record holds.
        """
        self._out, self._results = Outputs(b"", [], []), []
        if self._calibrations is None and len(offsets):
            self._calibrations = in_force(self.state.calibrations, int(offsets[0]) - 1)
            self._likelihoods = in_force(self.state.likelihoods, int(offsets[0]) - 1)
        arrivals = arrive(values, offsets, keys, self._routes)
        begin = 0
        for i, item in arrivals.others.items():
            if not isinstance(item, Reading):
                self._readings(arrivals, timestamps, offsets, begin, i)
                begin = i + 1
                if not self._seen(offsets[i], item):
                    self._other(item, int(timestamps[i]), int(offsets[i]))
        self._readings(arrivals, timestamps, offsets, begin, len(values))
        if len(values):
            self.position = int(offsets[-1])
        self._out.results = b"".join(self._results)
        return self._out

    def _seen(self, offset: int, item: Other | Reject) -> bool:
        """Whether a saved block already reflects this record that is no reading."""
        if offset > self._replay_until:
            return False
        patient = self.state.by_name.get(item.patient) if isinstance(item, Other) else None
        if isinstance(item, Other) and (item.kind in ("tick", "calibration") or item.patient == "*"):
            return False  # touches many blocks; each is asked on its own
        return offset <= self.state.stamps[patient.block if patient else 0]

    def _reject(self, reason: str, detail: str, offset: int, original: bytes) -> None:
        rejected = self.state.rejected
        rejected[reason] = rejected.get(reason, 0) + 1
        self.state.dirty[0] = True
        self._out.rejects.append(Reject(reason, detail, offset, original))

    def _count(self, kind: str, offset: int) -> None:
        if offset > self.state.stamps[0]:
            self.state.records[kind] = self.state.records.get(kind, 0) + 1
            self.state.dirty[0] = True

    # -- readings

    def _readings(
        self, arrivals: Arrivals, timestamps: Sequence[int], offsets: Sequence[int], begin: int, end: int
    ) -> None:
        """Run a stretch of readings through the kernel."""
        if begin == end:
            return
        stretch = arrivals.columns[begin:end]
        rows = stretch["row"].copy()
        refused = {
            i: fault
            for i in np.flatnonzero(rows == UNKNOWN).tolist()
            if (fault := self._meet(arrivals, begin, stretch, rows, i)) is not None
        }
        good = stretch["timely"] & stretch["named"] & stretch["keyed"] & np.isfinite(stretch["x"])
        if not good.all():
            for i in np.flatnonzero(~good).tolist():
                refused.setdefault(i, fault_of(stretch[i]))
        for i in refused:
            rows[i] = -1
        if offsets[begin] <= self._replay_until:
            at_offsets = np.asarray(offsets[begin:end], np.int64)
            known = self.state.stamps[self.state.row_block[np.maximum(rows, 0)]]
            rows[(rows >= 0) & (at_offsets <= known)] = -1
            for i in [i for i in refused if at_offsets[i] <= self.state.stamps[0]]:
                del refused[i]
        fates = np.zeros(end - begin, np.uint8)
        self._run(arrivals, begin, rows, np.asarray(timestamps[begin:end], np.int64), fates)
        fates[rows < 0] = R.ACCEPTED
        for i in sorted({*refused, *np.flatnonzero(fates).tolist()}):
            original, offset = arrivals.values[begin + i], int(offsets[begin + i])
            if i in refused:
                self._reject(*refused[i], offset, original)
            else:
                reason = R.FATES[fates[i]]
                self._out.rejects.append(Reject(reason, _FATE_DETAILS[reason], offset, original))

    def _run(
        self, arrivals: Arrivals, begin: int, rows: np.ndarray, stamps: np.ndarray, fates: np.ndarray
    ) -> None:
        """Call the kernel until it has taken every reading, draining its outputs in between."""
        state, i = self.state, 0
        columns = arrivals.columns[begin : begin + len(rows)]
        while i < len(rows):
            self._used[:] = 0
            i = kernel.read(
                i,
                rows,
                columns["at"],
                stamps,
                columns["zone"],
                columns["x"],
                columns["battery"],
                state.series,
                state.patients,
                state.rule_index,
                self.rules.table,
                self.vitals,
                self.codes,
                self._zone_starts,
                self._zone_offsets,
                state.due,
                state.row_block,
                state.ledger,
                state.dirty,
                fates,
                self._acute,
                self._buffer,
                self._events,
                self._used,
            )
            self._drain(arrivals, begin)

    def _drain(self, arrivals: Arrivals | None = None, first: int = 0) -> None:
        """Take what the kernel wrote: result lines, and decisions in their order.

        first: the place among the arrivals that the kernel counted from.
        """
        begin = 0
        for event in self._events[: self._used[0]]:
            if event["kind"] in DEVICE_EVENTS:
                assert arrivals is not None  # a tick hears of no device
                self._suspect(arrivals.reading(first + int(event["rule"])), event)
                continue
            lines = self._decide(event)
            if lines:  # behind what the kernel had written by then, whatever the batch
                self._results += [self._buffer[begin : event["written"]].tobytes(), lines]
                begin = int(event["written"])
        if self._used[1] > begin:
            self._results.append(self._buffer[begin : self._used[1]].tobytes())

    def _meet(
        self, arrivals: Arrivals, begin: int, stretch: np.ndarray, rows: np.ndarray, i: int
    ) -> tuple[str, str] | None:
        """Find the series of a reading whose names the batch brought; or tell what is wrong with them."""
        m = arrivals.reading(begin + i)
        route = self._routes.get(m.patient, m.vital, m.unit) or self._route(m)
        if isinstance(route[0], str):
            return route
        rows[i], factor, shift = route
        stretch["x"][i] = m.value * factor + shift
        return None

    def _route(self, m: Reading) -> tuple[int, float, float] | tuple[str, str]:
        """The series of a reading never met with these names, added where it is new; or the fault."""
        if not is_name(m.patient):
            return "invalid-field", "patient is no name of 1-64 of [A-Za-z0-9_-]"
        vital = self.catalog.index.get(m.vital)
        if vital is None:
            return "unknown-vital", "vital is not in the catalogue"
        entry = self.catalog.vitals[vital]
        if m.unit not in entry.conversions:
            known = ", ".join(sorted(entry.conversions))
            return "unknown-unit", f"unit is not one of {known}"
        patient = self.state.by_name.get(m.patient) or self._add_patient(m.patient)
        row = patient.rows.get(vital)
        if row is None:
            row = self._add_series(patient, vital)
        route = (row, *entry.conversions[m.unit])
        self._routes.put(m.patient, m.vital, m.unit, *route)
        return route

    # -- patients and plans

    def plan_of(self, patient: Patient) -> Plan:
        """The plan that holds for a patient: its own, else the default."""
        return patient.plan or self.default

    def _add_patient(self, name: str) -> Patient:
        patient = self.state.add_patient(name)
        self._enrol(patient, self.plan_of(patient))
        return patient

    def _add_series(self, patient: Patient, vital: int) -> int:
        return self.state.add_series(patient, vital, self._rule(patient, vital))

    def _rule(self, patient: Patient, vital: int) -> int:
        """The rule set of a vital under the patient's plan and the calibrations in force."""
        plan, code = self.plan_of(patient), self.catalog.vitals[vital].code
        return self.rules.index(plan, code, of_vital(self._calibrations or {}, plan, code))

    def _enrol(self, patient: Patient, plan: Plan) -> None:
        """Give a patient's arrays the plan's time zone, programme and route."""
        index = patient.row
        self.state.patients[index]["zone"] = self._zone(plan.time_zone)
        self.state.patients[index]["zone_until"] = self.state.patients[index]["zone_from"]
        sizes = {WINDOW_NAMES.index(one.window) for one in plan.estimators} | (
            {joint.SIZE} if plan.joint else set()
        )
        self.state.patients[index]["told_windows"] = sum(1 << size for size in sizes)
        desk = patient.desk
        desk.programme, desk.route, desk.version = plan.programme, plan.route, plan.version

    def _zone(self, name: str) -> int:
        """Row of a time zone in the tables; -1 for none."""
        if not name:
            return -1
        if name not in self._zone_names:
            self._zone_names.append(name)
            tables = [self._zones(n) for n in self._zone_names]
            width = max(len(starts) for starts, _ in tables)
            self._zone_starts = np.full((len(tables), width), NEVER // 1000, np.int64)
            self._zone_offsets = np.zeros((len(tables), width), np.int32)
            for i, (starts, zone_offsets) in enumerate(tables):
                self._zone_starts[i, : len(starts)] = np.maximum(starts, -NEVER // 1000)
                self._zone_offsets[i, : len(starts)] = zone_offsets
                self._zone_offsets[i, len(starts) :] = zone_offsets[-1]
        return self._zone_names.index(name)

    def _plan(self, item: Other, received: int, offset: int) -> None:
        try:
            plan = decode_plan(item.data, self.catalog, self._zones)
        except ValueError as error:
            self._reject("invalid-plan", str(error), offset, item.data)
            return
        self._count("plans", offset)
        if plan.patient == "*":
            if offset > self.state.stamps[0]:
                self.state.defaults.append((offset, plan))
                self.state.dirty[0] = True
            before, self.default = self.default, plan
            for patient in self.state.roster:
                if patient.plan is None and offset > self.state.stamps[patient.block]:
                    self._apply(patient, before, plan, received)
            return
        patient = self.state.by_name.get(plan.patient) or self._add_patient(plan.patient)
        before, patient.plan = self.plan_of(patient), plan
        self._apply(patient, before, plan, received)

    def _apply(self, patient: Patient, before: Plan, plan: Plan, received: int) -> None:
        """Let a plan take hold: rules that it dropped resolve, those it kept go on, silence starts anew."""
        self.state.dirty[patient.block] = True
        self._enrol(patient, plan)
        self._out.alerts += self.watches.apply(patient, before, plan, received)
        if before.joint != plan.joint:
            self._out.alerts += joint.forget(patient.desk, received)
            patient.interplay = None
        if before.news2 != plan.news2:
            self._forget_risk(patient, received)
        for expectation in plan.expectations:
            vital = self.catalog.index[expectation.vital]
            if expectation.required and vital not in patient.rows:
                self._add_series(patient, vital)
        for vital, row in patient.rows.items():
            code, series = self.catalog.vitals[vital].code, self.state.series[row]
            self.state.rule_index[row] = self._rule(patient, vital)
            old = {limit: series["limits"][j].copy() for j, limit in enumerate(limits_of(before, code))}
            kept = limits_of(plan, code)
            series["limits"] = np.zeros_like(series["limits"])
            for j, limit in enumerate(kept):
                if limit in old:
                    series["limits"][j] = old[limit]
            for limit, was in old.items():
                if was["open"] and limit not in kept:
                    kind = "symptom" if self.catalog.vitals[vital].symptom else "limit"
                    self._clear(patient, f"{kind}/{limit.direction}/{code}", limit.rule, received, None)
            self._keep_gains(patient, series, before, plan, code, received)
            self._expect(patient, series, row, plan, code, received)

    def _keep_gains(
        self, patient: Patient, series: np.void, before: Plan, plan: Plan, code: str, received: int
    ) -> None:
        """Gains that another plan keeps go on, maybe in another place; those that it dropped resolve."""
        old, kept = gains_of(before, code), gains_of(plan, code)
        was = series["gain_open"].copy()
        series["gain_open"] = 0
        for j, gain in enumerate(old):
            if gain in kept and (not gain.of or before.dry_weight == plan.dry_weight):
                series["gain_open"][kept.index(gain)] = was[j]
            elif was[j]:
                patient.held.pop(gain.rule, None)
                self._clear(patient, f"trend/gain/{code}", gain.rule, received, None)

    def _forget_risk(self, patient: Patient, received: int) -> None:
        """Another NEWS2 holds, or none: the risk that stood resolves, the next scores find it anew."""
        record = self.state.patients[patient.row]
        if record["band"]:
            self._clear(patient, news2.CAUSE, news2.rule_of(int(record["band"])), received, None)
        record["band"] = record["band_readings"] = record["band_next"] = record["band_parts"] = 0

    def _expect(
        self, patient: Patient, series: np.void, row: int, plan: Plan, code: str, received: int
    ) -> None:
        """Start the wait for a vital anew under a plan."""
        expectation = next((e for e in plan.expectations if e.vital == code), None)
        waits = expectation is not None and (expectation.required or bool(series["seen"]))
        if series["silent"] and not waits:
            self._clear(patient, f"silence/{code}", "silence", received, None)
            series["silent"] = 0
        if not series["silent"]:
            series["deadline"] = received + allowance(expectation) if expectation and waits else 0
        self.state.due[row] = 0

    # -- other records

    def _other(self, item: Other | Reject, received: int, offset: int) -> None:
        if isinstance(item, Reject):
            self._reject(item.reason, item.detail, offset, item.original)
        elif item.kind == "tick":
            self._count("ticks", offset)
            self._tick(received, offset)
        elif item.kind == "plan":
            self._plan(item, received, offset)
        elif item.kind == "action":
            self._action(item, received, offset)
        else:
            self._calibrate(item, offset)

    def _calibrate(self, item: Other, offset: int) -> None:
        """A calibration holds from here on, for every patient whose block does not reflect it yet."""
        if is_likelihood(item.data):
            self._calibrate_likelihood(item, offset)
            return
        try:
            calibration = decode_calibration(item.data, self.catalog)
        except ValueError as error:
            if offset > self.state.stamps[0]:
                self._reject("invalid-calibration", str(error), offset, item.data)
            return
        self._count("calibrations", offset)
        if offset > self.state.stamps[0]:
            self.state.calibrations.append((offset, calibration))
        self._calibrations = {**(self._calibrations or {}), calibration.programme: calibration}
        for patient in self.state.roster:
            if offset > self.state.stamps[patient.block]:
                self.state.dirty[patient.block] = True
                for vital, row in patient.rows.items():
                    self.state.rule_index[row] = self._rule(patient, vital)

    def _calibrate_likelihood(self, item: Other, offset: int) -> None:
        """What was learned of verdicts holds for the alerts that open from here on."""
        try:
            calibration = decode_likelihood(item.data)
        except ValueError as error:
            if offset > self.state.stamps[0]:
                self._reject("invalid-calibration", str(error), offset, item.data)
            return
        self._count("calibrations", offset)
        if offset > self.state.stamps[0]:
            self.state.likelihoods = remember(self.state.likelihoods, offset, calibration)
        self._likelihoods = {**self._likelihoods, calibration.programme: calibration}

    def _tick(self, now: int, offset: int) -> None:
        """Received time reaches `now` for every series of the partition."""
        state = self.state
        due = np.flatnonzero(state.due[: state.series_count] <= now)
        if offset <= self._replay_until:
            due = due[state.stamps[state.row_block[due]] < offset]
        order = np.lexsort((state.series["vital"][due], state.series["patient"][due]))
        rows = due[order]
        state.dirty[state.row_block[rows]] = True
        i = 0
        while i < len(rows):
            self._used[:] = 0
            i = kernel.tick(
                i,
                rows,
                now,
                state.series,
                state.patients,
                self.vitals,
                self.codes,
                state.due,
                self._acute,
                self._buffer,
                self._events,
                self._used,
            )
            self._drain()
        if now >= self._next_expiry:
            self._expire(now, offset)

    def _expire(self, now: int, offset: int) -> None:
        """Acknowledgements run out."""
        self._next_expiry = NEVER
        for patient in self.state.roster:
            if self.state.stamps[patient.block] < offset:
                fallen = triage.expire(patient.desk, now)
                if fallen:
                    self._out.alerts.extend(fallen)
                    self.state.dirty[patient.block] = True
            self._note_expiry(patient)

    def _note_expiry(self, patient: Patient) -> None:
        for alert in patient.desk.alerts:
            if alert.acknowledged_until is not None:
                self._next_expiry = min(self._next_expiry, alert.acknowledged_until)

    def _action(self, item: Other, received: int, offset: int) -> None:
        """A nurse acknowledges or judges an alert."""
        try:
            action = msgspec.json.decode(item.data, type=Action)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            self._reject("invalid-action", f"{error}", offset, item.data)
            return
        patient = self.state.by_name.get(action.patient)
        outcome: Transition | list[Transition] | str
        if patient is None:
            outcome = "patient is not known here"
        elif not is_name(action.by):
            outcome = "by is no name of 1-64 of [A-Za-z0-9_-]; name who acts by a pseudonym"
        elif action.action == "reset-learning":
            outcome = self._reset(patient, action.vital, received)
        elif action.action == "acknowledge":
            until = None
            if action.until is not None:
                times, _, good = parse_times([action.until])
                until = int(times[0]) if good[0] else -1
            if until is not None and until <= received:
                outcome = "until is no RFC 3339 time in the future"
            else:
                outcome = triage.acknowledge(patient.desk, action.alert_id, action.by, until, received)
        elif action.action == "verdict" and action.verdict in triage.VERDICTS:
            outcome = triage.judge(patient.desk, action.alert_id, action.by, action.verdict, received)
        elif action.action == "verdict":
            outcome = f"verdict is none of {', '.join(triage.VERDICTS)}"
        else:
            outcome = "action is none of acknowledge, verdict, reset-learning"
        if isinstance(outcome, str) or patient is None:
            self._reject("invalid-action", str(outcome), offset, item.data)
            return
        self._count("actions", offset)
        self._out.alerts += outcome if isinstance(outcome, list) else [outcome]
        self.state.dirty[patient.block] = True
        self._note_expiry(patient)

    def _reset(self, patient: Patient, code: str, received: int) -> list[Transition] | str:
        """Forget what was learned of a vital: the alerts that rested on it, resolved; or why not."""
        row = patient.rows.get(self.catalog.index.get(code, -1))
        if row is None:
            return "vital names none that was measured of this patient"
        forget(self.state.series[row])
        rested = (
            (f"baseline/acute-baseline/{code}", "acute-baseline"),
            (f"trend/{report.TREND}/{code}", report.TREND),
        )
        ended = [triage.clear(patient.desk, cause, rule, received, None, {}) for cause, rule in rested]
        return [transition for transition in ended if transition is not None]

    # -- decisions

    def _decide(self, event: np.void) -> bytes:
        """Hand one decision of the kernel to triage; returns the result lines that it brings."""
        row, kind = int(event["row"]), int(event["kind"])
        series = self.state.series[row]
        patient = self.state.roster[series["patient"]]
        vital = self.catalog.vitals[series["vital"]]
        plan, received = self.plan_of(patient), int(event["received"])
        code = vital.code
        if kind == R.WINDOW_CLOSED:
            return self._window(patient, plan, vital, event)
        if kind == R.SCORE_CHANGED:
            self._risk(patient, event)
            return b""
        cause = None
        if kind == R.LIMIT_OPENED:
            cause = self.reporter.limit(plan, vital, event)
        elif kind == R.GAIN_OPENED:
            cause = self.reporter.gain(plan, vital, event)
            rule = gains_of(plan, code)[event["rule"]]
            if rule.symptoms:
                if symptoms := checklist.reported(patient.desk, rule):
                    cause = checklist.told(self.catalog, cause, symptoms)
                else:
                    patient.held[rule.rule] = cause
                    return b""
        elif kind == R.ACUTE_OPENED:
            cause = self.reporter.baseline(plan, vital, event)
        elif kind == R.TREND_OPENED:
            cause = self.reporter.trend(plan, vital, event, bool(self.vitals[series["vital"]]["frequent"]))
        elif kind == R.SILENCE_OPENED:
            cause = self.reporter.silence(plan, vital, event)
        if cause is not None:
            self._raise(patient, cause, event)
            if kind == R.LIMIT_OPENED and patient.held:
                args = self.catalog, plan, patient.desk, patient.held, int(event["measured"]), received
                for released in checklist.released(*args):
                    self._raise(patient, released, event)
            return b""
        if kind == R.LIMIT_CLEARED:
            limit = limits_of(plan, code)[event["rule"]]
            group = "symptom" if vital.symptom else "limit"
            self._clear(patient, f"{group}/{limit.direction}/{code}", limit.rule, received, event)
        elif kind == R.GAIN_CLEARED:
            name = gains_of(plan, code)[event["rule"]].rule
            patient.held.pop(name, None)
            self._clear(patient, f"trend/gain/{code}", name, received, event)
        elif kind == R.ACUTE_CLEARED:
            self._clear(patient, f"baseline/acute-baseline/{code}", "acute-baseline", received, event)
        elif kind == R.TREND_CLEARED:
            self._clear(patient, f"trend/{report.TREND}/{code}", report.TREND, received, event)
        elif kind == R.SILENCE_CLEARED:
            self._clear(patient, f"silence/{code}", "silence", received, event)
        return b""

    def _window(self, patient: Patient, plan: Plan, vital: Vital, event: np.void) -> bytes:
        """Hand a closed window to the plan's estimators, and to what watches several vitals."""
        lines, told = b"", self.watches.window(patient, plan, vital, event)
        if plan.joint is not None:
            memory = patient.interplay = patient.interplay or joint.Interplay()
            lines, more = joint.take(plan.joint, memory, patient.desk, self.catalog, event, vital.code)
            told += more
        for found in told:
            if isinstance(found, Cause):
                self._raise(patient, found, event)
            else:
                self._out.alerts.append(found)
        return lines

    def _raise(self, patient: Patient, cause: Cause, event: np.void) -> None:
        """Hand a cause to triage; of an alert that opens, with how likely it is to be actionable."""
        desk, features, judged = patient.desk, {}, None
        if triage.standing(desk, cause.cause) is None:
            since, offset = int(event["since"]), int(event["offset"])
            received, measured = cause.received_at, cause.measured_at
            suspect = bool(patient.suspicions)
            features = at_opening(
                desk.past, cause.cause, cause.facts, received, measured, since, offset, suspect
            )
            held = of_programme(self._likelihoods, desk.programme)
            if held is not None:
                code = cause.vital
                names = self.catalog[code].names if code in self.catalog.index else news2.NAMES
                alert = {word: getattr(cause, word) for word in WORDS}
                judged = estimate(held.likelihood, held.version, alert, vector(alert, features), names)
            remember_opening(desk.past, cause.cause, received)
        transition = triage.raise_alert(desk, cause, features, judged)
        if transition is not None:
            self._out.alerts.append(transition)

    def _suspect(self, reading: Reading, event: np.void) -> None:
        """Hand what speaks for or against a device to models/devices.py, and its judgement to triage."""
        series = self.state.series[event["row"]]
        patient, vital = self.state.roster[series["patient"]], self.catalog.vitals[series["vital"]]
        measured, received = int(event["measured"]), int(event["received"])
        level = reading.battery if reading.battery is not None and 0 <= reading.battery <= 1 else None
        rule = {R.CLOCK_AHEAD: devices.CLOCK, R.IMPOSSIBLE_VALUE: devices.BURST}.get(int(event["kind"]))
        if rule is None:
            ended = devices.acquit(patient.suspicions, reading.device, vital.code, level, measured, received)
            told = [triage.clear(patient.desk, c, r, received, measured, {}) for c, r in ended]
            self._out.alerts += [transition for transition in told if transition is not None]
            rule = devices.BATTERY if level is not None and level <= devices.BATTERY_LOW else None
        if rule is not None:
            cause = devices.accuse(patient.suspicions, rule, reading.device, vital.code, measured, received)
            if cause is not None:
                technical = self.reporter.technical(cause, rule, vital, reading.device, level, event)
                self._raise(patient, technical, event)
        self.state.patients[series["patient"]]["suspect"] = bool(patient.suspicions)

    def _risk(self, patient: Patient, event: np.void) -> None:
        """The clinical risk by NEWS2 changed: open its alert, change it, or resolve it."""
        before, received = int(event["readings"]), int(event["received"])
        cause = news2.cause_of(self.catalog, event)
        if cause:
            self._raise(patient, cause, event)
        if before:
            facts = news2.facts_of(self.catalog, event)
            measured = int(event["measured"])
            rule = news2.rule_of(before)
            transition = triage.clear(patient.desk, news2.CAUSE, rule, received, measured, facts)
            if transition is not None:
                self._out.alerts.append(transition)

    def _clear(self, patient: Patient, cause: str, rule: str, received: int, event: np.void | None) -> None:
        """Tell triage that a rule holds no more, with the reading that showed it."""
        measured, facts = None, {}
        if event is not None:
            series = self.state.series[event["row"]]
            decimals = self.catalog.vitals[series["vital"]].decimals
            measured = int(event["measured"])
            facts = {
                "value": round(float(event["value"]), decimals),
                "last_points": report.last_points(event, decimals),
            }
        transition = triage.clear(patient.desk, cause, rule, received, measured, facts)
        if transition is not None:
            self._out.alerts.append(transition)

    # -- state

    @property
    def ledger(self) -> Ledger:
        """Counts over everything this partition ever took, saved state included."""
        total = self.state.ledger.sum(axis=0)
        rejected = dict(self.state.rejected)
        for fate in (R.IMPLAUSIBLE, R.FUTURE):
            if total[fate]:
                rejected[R.FATES[fate]] = int(total[fate])
        records = self.state.records
        return Ledger(
            received=int(total.sum()) + sum(self.state.rejected.values()),
            accepted=int(total[R.ACCEPTED]),
            duplicate=int(total[R.DUPLICATE]),
            late=int(total[R.LATE]),
            rejected=dict(sorted(rejected.items())),
            plans=records.get("plans", 0),
            actions=records.get("actions", 0),
            calibrations=records.get("calibrations", 0),
            ticks=records.get("ticks", 0),
            estimators_failed=sum(w.failures for p in self.state.roster for w in p.watches.values()),
        )

    def snapshot(self) -> dict[bytes, bytes]:
        """The blocks changed since the last snapshot, by number; they count as saved from here on."""
        changed = np.flatnonzero(self.state.dirty[: len(self.state.members)])
        self.state.dirty[:] = False
        for number in changed:
            for patient in self.state.members[number]:
                self.watches.save(patient)
        return {b"%d" % number: self.state.save(int(number), self.position) for number in changed}

    def rewrite(self) -> None:
        """Count every block as changed: what was saved of it may be hidden by an older one."""
        self.state.dirty[: len(self.state.members)] = True

    def restore(self, blocks: Mapping[bytes, bytes]) -> None:
        """Take up saved blocks, into a fresh pipeline. Raises models.state.UnknownFormat."""
        self.state.load(blocks)
        if self.state.defaults:
            self.default = self.state.defaults[-1][1]
        for patient in self.state.roster:
            # a block older than a calibration meets its record again
            self._calibrations = in_force(self.state.calibrations, int(self.state.stamps[patient.block]))
            self._enrol(patient, self.plan_of(patient))
            for vital, row in patient.rows.items():
                self.state.rule_index[row] = self._rule(patient, vital)
            self._note_expiry(patient)
        self._calibrations = None
        self._replay_until = int(self.state.stamps.max())
        self.position = max(self.position, self._replay_until)


_FATE_DETAILS = {
    "duplicate": "the same reading was accepted before",
    "late": "measured too long before the newest reading of its series",
    "implausible": "value is outside the plausible range of its vital",
    "future": "measured_at is ahead of receipt; set the device's clock",
}
