"""What one partition holds between two records, and what each step of the journey asks of it."""

from collections.abc import Callable

import numpy as np

from models import joint, report
from models import record as R
from models.calibration import Calibration, of_vital
from models.catalog import Catalog
from models.decode import Other
from models.outputs import Outputs
from models.plan import Plan
from models.rivers.watch import Watches
from models.routes import Routes
from models.rules import RuleSets, compile_catalog
from models.score import joint_parameters
from models.score.acute_parameters import parameters
from models.state import NEVER, Patient, State
from models.verdicts.calibration import LikelihoodCalibration
from models.wire import Reject
from models.zones import ZoneTables

BUFFER_BYTES = 1 << 20
EVENTS = 4096


class Partition:
    """The memory of one partition: state, plans, rules, estimators, and the outputs of this batch."""

    def __init__(
        self,
        catalog: Catalog,
        default: Plan,
        zones: Callable[[str], R.Zone],
        capacity: int = 64,
        acute: np.ndarray | None = None,
        slow: np.ndarray | None = None,
        together: np.ndarray | None = None,
    ) -> None:
        """`acute`, `slow`, `together`: PARAMETERS (1,) other than the shipped ones, for an evaluation."""
        self.catalog, self.zones = catalog, zones
        self.shipped = self.default = default  # everyone's plan until one comes; the one that holds
        self.vitals, self.codes = compile_catalog(catalog)
        self.rules = RuleSets(slow)
        self.acute = parameters() if acute is None else acute
        self.together = (joint_parameters.parameters() if together is None else together)[0]
        self.state = State([v.code for v in catalog.vitals], capacity)
        self.reporter = report.Reporter(catalog)
        self.watches = Watches()
        self.position = -1
        self.zone_tables = ZoneTables(zones)
        self.routes = Routes()
        self.replay_until = -1  # the last offset that some saved block reflects
        self.snapped = -1  # the position at the last snapshot of this process
        self.calibrations: dict[str, Calibration] | None = None  # in force, by programme; None = look it up
        self.likelihoods: dict[str, LikelihoodCalibration] = {}  # looked up with them
        self.next_expiry = NEVER
        # what the kernel writes: result lines, decisions, and how much of both
        self.buffer = np.zeros(BUFFER_BYTES, np.uint8)
        self.events = np.zeros(EVENTS, R.EVENT)
        self.used = np.zeros(2, np.int64)
        # what this batch caused
        self.out = Outputs(b"", [], [])
        self.lines: list[bytes] = []

    def seen(self, offset: int, item: Other | Reject) -> bool:
        """Whether the block of its patient already reflects this record that is no reading.

        What has no patient, or not yet, touches block 0 or many blocks: each is asked where it is touched.
        """
        if offset > self.replay_until or isinstance(item, Reject) or item.kind in ("tick", "calibration"):
            return False
        patient = self.state.by_name.get(item.patient)
        return patient is not None and offset <= self.state.stamps[patient.block]

    def reject(self, reason: str, detail: str, offset: int, original: bytes) -> None:
        """Refuse a record that touches no series: told, and counted with block 0, unless that reflects it."""
        if offset <= self.state.stamps[0]:
            return
        rejected = self.state.rejected
        rejected[reason] = rejected.get(reason, 0) + 1
        self.state.dirty[0] = True
        self.out.rejects.append(Reject(reason, detail, offset, original))

    def count(self, kind: str, offset: int) -> None:
        """Count a record that is no reading, unless block 0 reflects it already."""
        if offset > self.state.stamps[0]:
            self.state.records[kind] = self.state.records.get(kind, 0) + 1
            self.state.dirty[0] = True

    def plan_of(self, patient: Patient) -> Plan:
        """The plan that holds for a patient: its own, else the default."""
        return patient.plan or self.default

    def add_patient(self, name: str) -> Patient:
        """A patient met for the first time, under the default plan."""
        patient = self.state.add_patient(name)
        self.enrol(patient, self.plan_of(patient))
        return patient

    def add_series(self, patient: Patient, vital: int) -> int:
        """A new series of a patient under its plan; returns its row."""
        return self.state.add_series(patient, vital, self.rule(patient, vital))

    def rule(self, patient: Patient, vital: int) -> int:
        """The rule set of a vital under the patient's plan and the calibrations in force."""
        plan, code = self.plan_of(patient), self.catalog.vitals[vital].code
        return self.rules.index(plan, code, of_vital(self.calibrations or {}, plan, code))

    def enrol(self, patient: Patient, plan: Plan) -> None:
        """Give a patient's arrays the plan's time zone, programme and route."""
        index = patient.row
        self.state.patients[index]["zone"] = self.zone_tables.row(plan.time_zone)
        self.state.patients[index]["zone_until"] = self.state.patients[index]["zone_from"]
        sizes = {R.WINDOW_NAMES.index(one.window) for one in plan.estimators} | (
            {joint.SIZE} if plan.joint else set()
        )
        self.state.patients[index]["told_windows"] = sum(1 << size for size in sizes)
        desk = patient.desk
        desk.programme, desk.route, desk.version = plan.programme, plan.route, plan.version
