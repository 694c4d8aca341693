"""One partition's journey: decode → quality → rollup → score → triage → wire, in log order.

Readings run through the compiled kernel in stretches; a record of another kind (plan, action, tick)
ends a stretch, so that everything happens at its own place in the log, whatever the batches are.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from models import devices, joint, kernel, news2, report, triage
from models import record as R
from models.calibration import Calibration, decode_calibration, in_force, of_vital
from models.catalog import Catalog, Vital
from models.decode import Other, Reading, decode, is_name
from models.plan import Plan, decode_plan
from models.record import WINDOW_NAMES
from models.rivers.watch import Watches
from models.rules import RuleSets, allowance, compile_catalog, gains_of, limits_of
from models.score.acute_parameters import parameters
from models.state import NEVER, Patient, State
from models.times import parse_times
from models.triage import Transition
from models.wire import Reject

BUFFER_BYTES = 1 << 20
EVENTS = 4096
KNOWN_DEVICES = 100_000


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


class Action(msgspec.Struct, forbid_unknown_fields=True):
    """What a nurse did."""

    kind: str
    patient: str
    alert_id: str
    action: str
    by: str
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
    ) -> None:
        """`acute`: PARAMETERS (1,) other than the one set that is used everywhere, for an evaluation."""
        self.catalog, self.default, self._zones = catalog, default, zones
        self.vitals, self.codes = compile_catalog(catalog)
        self.rules = RuleSets()
        self._acute = parameters() if acute is None else acute
        self.state = State([v.code for v in catalog.vitals], capacity)
        self.reporter = report.Reporter(catalog)
        self.watches = Watches()
        self.position = -1
        self._zone_names: list[str] = []
        self._zone_starts = np.full((1, 1), -NEVER, np.int64)
        self._zone_offsets = np.zeros((1, 1), np.int32)
        self._routes: dict[tuple[str, str, str], int] = {}
        self._converted: list[tuple[int, float, float]] = []
        self._devices: set[str] = set()
        self._buffer = np.zeros(BUFFER_BYTES, np.uint8)
        self._events = np.zeros(EVENTS, R.EVENT)
        self._used = np.zeros(2, np.int64)
        self._replay_until = -1
        self._calibrations: dict[str, Calibration] | None = None  # in force, by programme; None = look it up
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
        items = decode(values, offsets)
        begin = 0
        for i, item in enumerate(items):
            if not isinstance(item, Reading):
                self._readings(items, values, timestamps, offsets, keys, begin, i)
                begin = i + 1
                if not self._seen(offsets[i], item):
                    self._other(item, int(timestamps[i]), int(offsets[i]), keys[i] if keys else None)
        self._readings(items, values, timestamps, offsets, keys, begin, len(items))
        if len(items):
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
        self,
        items: list[Any],
        values: Sequence[bytes],
        timestamps: Sequence[int],
        offsets: Sequence[int],
        keys: Sequence[bytes | None] | None,
        begin: int,
        end: int,
    ) -> None:
        """Run a stretch of readings through the kernel."""
        if begin == end:
            return
        stretch: list[Reading] = items[begin:end] if end - begin < len(items) else items
        count = end - begin
        if not self._devices.issuperset([m.device for m in stretch]):
            self._learn_devices(stretch)
        route = self._routes.get
        found = [route((m.patient, m.vital, m.unit)) for m in stretch]
        at, zone, good = parse_times([m.measured_at for m in stretch])
        x = np.fromiter([m.value for m in stretch], np.float64, count)
        batteries = np.full(count, np.nan)
        stated = [m.battery for m in stretch]
        if stated.count(None) < count:
            batteries[:] = [np.nan if level is None else level for level in stated]
        stamps = np.asarray(timestamps[begin:end], np.int64)
        refused: dict[int, tuple[str, str]] = {}
        if None in found:
            for i, row in enumerate(found):
                if row is None:
                    fresh = self._route(stretch[i])
                    if isinstance(fresh, int):
                        found[i] = fresh
                    else:
                        found[i], refused[i] = -1, fresh
        rows = np.asarray(found, np.int64)
        for i in np.flatnonzero(rows < -1).tolist():
            row, factor, shift = self._converted[-rows[i] - 2]
            rows[i], x[i] = row, x[i] * factor + shift
        if not good.all():
            for i in np.flatnonzero(~good & (rows >= 0)).tolist():
                refused[i] = (
                    "bad-time",
                    "measured_at is no RFC 3339 time with an offset; send 2026-03-01T08:00:07+01:00",
                )
        finite = np.isfinite(x)
        if not finite.all():
            for i in np.flatnonzero(~finite & (rows >= 0)).tolist():
                refused[i] = ("not-a-number", "value is not finite")
        devices = self._devices
        if len(devices) >= KNOWN_DEVICES or not devices.issuperset([m.device for m in stretch]):
            for i, m in enumerate(stretch):
                if m.device not in devices and not is_name(m.device) and i not in refused:
                    refused[i] = ("invalid-field", "device is no name of 1-64 of [A-Za-z0-9_-]")
        if keys is not None:
            for i, m in enumerate(stretch):
                key = keys[begin + i]
                if (key is None or key != m.patient.encode()) and i not in refused:
                    refused[i] = ("wrong-key", "the record's key is not its patient; key it by patient")
        for i in refused:
            rows[i] = -1
        if offsets[begin] <= self._replay_until:
            at_offsets = np.asarray(offsets[begin:end], np.int64)
            known = self.state.stamps[self.state.row_block[np.maximum(rows, 0)]]
            rows[(rows >= 0) & (at_offsets <= known)] = -1
            for i in [i for i in refused if at_offsets[i] <= self.state.stamps[0]]:
                del refused[i]
        fates = np.zeros(count, np.uint8)
        self._run(stretch, rows, at, stamps, zone, x, batteries, fates)
        fates[rows < 0] = R.ACCEPTED
        for i in sorted({*refused, *np.flatnonzero(fates).tolist()}):
            original, offset = values[begin + i], int(offsets[begin + i])
            if i in refused:
                self._reject(*refused[i], offset, original)
            else:
                reason = R.FATES[fates[i]]
                self._out.rejects.append(Reject(reason, _FATE_DETAILS[reason], offset, original))

    def _run(
        self,
        stretch: list[Reading],
        rows: np.ndarray,
        at: np.ndarray,
        stamps: np.ndarray,
        zone: np.ndarray,
        x: np.ndarray,
        batteries: np.ndarray,
        fates: np.ndarray,
    ) -> None:
        """Call the kernel until it has taken every reading, draining its outputs in between."""
        state, i = self.state, 0
        while i < len(rows):
            self._used[:] = 0
            i = kernel.read(
                i,
                rows,
                at,
                stamps,
                zone,
                x,
                batteries,
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
            self._drain(stretch)

    def _drain(self, stretch: list[Reading]) -> None:
        """Take what the kernel wrote: result lines, and decisions in their order."""
        begin = 0
        for event in self._events[: self._used[0]]:
            lines = self._decide(event, stretch)
            if lines:  # behind what the kernel had written by then, whatever the batch
                self._results += [self._buffer[begin : event["written"]].tobytes(), lines]
                begin = int(event["written"])
        if self._used[1] > begin:
            self._results.append(self._buffer[begin : self._used[1]].tobytes())

    def _learn_devices(self, stretch: list[Reading]) -> None:
        fresh = {m.device for m in stretch} - self._devices
        if len(self._devices) + len(fresh) > KNOWN_DEVICES:
            self._devices.clear()
        self._devices |= {device for device in fresh if is_name(device)}

    def _route(self, m: Reading) -> int | tuple[str, str]:
        """The series of a reading never met with these names: its row (or a conversion), or the fault."""
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
        factor, shift = entry.conversions[m.unit]
        if (factor, shift) != (1.0, 0.0):
            self._converted.append((row, factor, shift))
            row = -len(self._converted) - 1
        if len(self._routes) >= 1_000_000:
            self._routes.clear()
        self._routes[m.patient, m.vital, m.unit] = row
        return row

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
        index = self.state.index_of(patient)
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
            self._expect(patient, series, row, plan, code, received)

    def _forget_risk(self, patient: Patient, received: int) -> None:
        """Another NEWS2 holds, or none: the risk that stood resolves, the next scores find it anew."""
        record = self.state.patients[self.state.index_of(patient)]
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

    def _other(self, item: Other | Reject, received: int, offset: int, key: bytes | None) -> None:
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
            self._drain([])
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
        outcome: Transition | str
        if patient is None:
            outcome = "patient is not known here"
        elif not is_name(action.by):
            outcome = "by is no name of 1-64 of [A-Za-z0-9_-]; name who acts by a pseudonym"
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
            outcome = "action is none of acknowledge, verdict"
        if isinstance(outcome, str) or patient is None:
            self._reject("invalid-action", str(outcome), offset, item.data)
            return
        self._count("actions", offset)
        self._out.alerts.append(outcome)
        self.state.dirty[patient.block] = True
        self._note_expiry(patient)

    # -- decisions

    def _decide(self, event: np.void, stretch: list[Reading]) -> bytes:
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
        if kind in (R.CLOCK_AHEAD, R.IMPOSSIBLE_VALUE, R.DEVICE_HEARD):
            self._suspect(patient, stretch[event["rule"]], vital, event)
            return b""
        cause = None
        if kind == R.LIMIT_OPENED:
            cause = self.reporter.limit(plan, vital, event)
        elif kind == R.GAIN_OPENED:
            cause = self.reporter.gain(plan, vital, event)
        elif kind == R.ACUTE_OPENED:
            cause = self.reporter.baseline(plan, vital, event)
        elif kind == R.TREND_OPENED:
            cause = self.reporter.trend(plan, vital, event, bool(self.vitals[series["vital"]]["frequent"]))
        elif kind == R.SILENCE_OPENED:
            cause = self.reporter.silence(plan, vital, event)
        if cause is not None:
            transition = triage.raise_alert(patient.desk, cause)
            if transition is not None:
                self._out.alerts.append(transition)
            return b""
        if kind == R.LIMIT_CLEARED:
            limit = limits_of(plan, code)[event["rule"]]
            group = "symptom" if vital.symptom else "limit"
            self._clear(patient, f"{group}/{limit.direction}/{code}", limit.rule, received, event)
        elif kind == R.GAIN_CLEARED:
            rule = self._gain_rule(plan, code, int(event["rule"]))
            self._clear(patient, f"trend/gain/{code}", rule, received, event)
        elif kind == R.ACUTE_CLEARED:
            self._clear(patient, f"baseline/acute-baseline/{code}", "acute-baseline", received, event)
        elif kind == R.TREND_CLEARED:
            self._clear(patient, f"trend/{report.TREND}/{code}", report.TREND, received, event)
        elif kind == R.SILENCE_CLEARED:
            self._clear(patient, f"silence/{code}", "silence", received, event)
        return b""

    def _window(self, patient: Patient, plan: Plan, vital: Vital, event: np.void) -> bytes:
        """Hand a closed window to the plan's estimators, and to what watches several vitals."""
        self._out.alerts += self.watches.window(patient, plan, vital, event)
        if plan.joint is None:
            return b""
        patient.interplay = patient.interplay or joint.Interplay()
        lines, told = joint.take(plan.joint, patient.interplay, patient.desk, self.catalog, event, vital.code)
        self._out.alerts += told
        return lines

    def _suspect(self, patient: Patient, reading: Reading, vital: Vital, event: np.void) -> None:
        """Hand what speaks for or against a device to models/devices.py, and its judgement to triage."""
        measured, received = int(event["measured"]), int(event["received"])
        level = reading.battery if reading.battery is not None and 0 <= reading.battery <= 1 else None
        rule = {R.CLOCK_AHEAD: devices.CLOCK, R.IMPOSSIBLE_VALUE: devices.BURST}.get(int(event["kind"]))
        told: list[Transition | None] = []
        if rule is None:
            ended = devices.acquit(patient.suspicions, reading.device, vital.code, level, measured, received)
            told += [triage.clear(patient.desk, c, r, received, measured, {}) for c, r in ended]
            rule = devices.BATTERY if level is not None and level <= devices.BATTERY_LOW else None
        if rule is not None:
            cause = devices.accuse(patient.suspicions, rule, reading.device, vital.code, measured, received)
            if cause is not None:
                technical = self.reporter.technical(cause, rule, vital, reading.device, level, event)
                told.append(triage.raise_alert(patient.desk, technical))
        self._out.alerts += [transition for transition in told if transition is not None]
        self.state.patients[self.state.series[event["row"]]["patient"]]["suspect"] = bool(patient.suspicions)

    def _risk(self, patient: Patient, event: np.void) -> None:
        """The clinical risk by NEWS2 changed: open its alert, change it, or resolve it."""
        before, received = int(event["readings"]), int(event["received"])
        cause = news2.cause_of(self.catalog, event)
        transitions = [triage.raise_alert(patient.desk, cause)] if cause else []
        if before:
            facts = news2.facts_of(self.catalog, event)
            measured = int(event["measured"])
            rule = news2.rule_of(before)
            transitions.append(triage.clear(patient.desk, news2.CAUSE, rule, received, measured, facts))
        self._out.alerts.extend(transition for transition in transitions if transition is not None)

    def _gain_rule(self, plan: Plan, code: str, index: int) -> str:
        """The name of a gain rule by its place in the plan."""
        return gains_of(plan, code)[index].rule

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
