"""The state of one partition: series and patients as arrays, kept in blocks that are saved whole.

A block holds up to PATIENTS_PER_BLOCK patients with all their series; block 0 holds what belongs to
no patient. A saved block says its format, the last input offset it reflects, and names its vitals, so
that a catalogue may grow between two runs.
"""

import zlib
from collections.abc import Mapping
from typing import Final, TypeVar

import msgspec
import numpy as np

from models.calibration import History, needed
from models.devices import Suspicion
from models.joint import TURN, Interplay
from models.plan import Plan
from models.record import FATES, PATIENT, SERIES
from models.score.joint import JOINT
from models.triage import Cause, Desk
from models.verdicts.calibration import History as Likelihoods

PATIENTS_PER_BLOCK: Final = 8
# Bytes of a block as it travels, when all in it is at its bound and no number can be compressed
# (tests/test_block_size.py). Its topic and its producer take as much; what grows is bounded where it does.
LARGEST_BLOCK: Final = (8 << 20) - 4096
FORMAT: Final = f"7-{zlib.crc32(repr((SERIES.descr, PATIENT.descr, JOINT.descr)).encode()):08x}"
NEVER: Final = 1 << 62
T = TypeVar("T")


class Watch(msgspec.Struct):
    """What one River estimator of one patient remembers; `state` is the estimator as of the last save."""

    newest: int = -1  # start (ms) of the last window taken
    learned: int = 0
    frozen_from: int = 0  # start (ms) of the first window not learned; 0 = it learns
    turn: dict[str, int] = msgspec.field(default_factory=lambda: dict.fromkeys(TURN, 0))
    failures: int = 0
    failed: bool = False
    state: bytes = b""
    weight: int = 0  # bytes of the estimator when it was last weighed, not compressed


class UnknownFormat(Exception):
    """A saved block is of a format that this version does not read."""


class Patient(msgspec.Struct):
    """What is rare about a patient: alerts, own plan, suspect devices; and where its series are."""

    name: str
    block: int
    row: int  # in `patients`
    desk: Desk
    plan: Plan | None = None
    suspicions: dict[str, Suspicion] = {}  # by cause
    held: dict[str, Cause] = {}  # gains that wait for a symptom, by rule (models/checklist.py)
    watches: dict[str, Watch] = {}  # by name of the plan's estimator
    interplay: Interplay | None = None  # of the plan's joint vitals
    rows: dict[int, int] = {}  # vital -> row


class SavedPatient(msgspec.Struct):
    """A patient inside a block."""

    desk: Desk
    plan: Plan | None
    suspicions: dict[str, Suspicion]
    vitals: list[str]
    held: dict[str, Cause] = {}
    watches: dict[str, Watch] = {}
    interplay: Interplay | None = None


class Block(msgspec.Struct):
    """A block as saved: arrays as bytes, in the order of `patients` and their `vitals`."""

    stamp: int
    ledger: list[int]
    patients: list[SavedPatient]
    patient_rows: bytes
    series_rows: bytes
    rejected: dict[str, int] = {}
    records: dict[str, int] = {}
    defaults: list[tuple[int, Plan]] = []
    calibrations: History = []
    likelihoods: Likelihoods = []


def read_block(number: int, data: bytes, kind: type[T]) -> T:
    """A saved block, or the part of it that a type names. Raises UnknownFormat with the format it has."""
    try:
        found, body = msgspec.msgpack.decode(data, type=tuple[str, msgspec.Raw])
        if found == FORMAT:
            return msgspec.msgpack.decode(body, type=kind)
    except msgspec.MsgspecError as error:
        raise UnknownFormat(f"state block {number} cannot be read: {error}") from error
    raise UnknownFormat(
        f"state block {number} is of format {found}, this version reads {FORMAT}; run the version that wrote "
        "it, or replay the readings into an empty state topic"
    )


class State:
    """Arrays that grow by doubling; row numbers never change while a process lives."""

    def __init__(self, codes: list[str], capacity: int = 64) -> None:
        self.codes = codes
        self.series = np.zeros(capacity, SERIES)
        self.rule_index = np.zeros(capacity, np.int64)
        self.row_block = np.zeros(capacity, np.int32)
        self.due = np.full(capacity, NEVER, np.int64)
        self.series_count = 0
        self.patients = np.zeros(capacity, PATIENT)
        self.roster: list[Patient] = []
        self.by_name: dict[str, Patient] = {}
        self.ledger = np.zeros((8, len(FATES)), np.int64)
        self.dirty = np.zeros(8, np.bool_)
        self.stamps = np.full(8, -1, np.int64)
        self.members: list[list[Patient]] = [[]]
        self.rejected: dict[str, int] = {}
        self.records: dict[str, int] = {}
        self.defaults: list[tuple[int, Plan]] = []
        self.calibrations: History = []
        self.likelihoods: Likelihoods = []

    def add_patient(self, name: str, block: int | None = None) -> Patient:
        """A new patient, in the last block or a new one."""
        if block is None:
            if len(self.members) == 1 or len(self.members[-1]) >= PATIENTS_PER_BLOCK:
                self.members.append([])
            block = len(self.members) - 1
        while len(self.members) <= block:
            self.members.append([])
        while block >= len(self.dirty):
            self.ledger = np.concatenate([self.ledger, np.zeros_like(self.ledger)])
            self.dirty = np.concatenate([self.dirty, np.zeros_like(self.dirty)])
            self.stamps = np.concatenate([self.stamps, np.full_like(self.stamps, -1)])
        index = len(self.roster)
        if index == len(self.patients):
            self.patients = np.concatenate([self.patients, np.zeros_like(self.patients)])
        record = self.patients[index]
        record["name"][: len(name)] = np.frombuffer(name.encode("ascii"), np.uint8)
        record["name_length"], record["block"], record["zone"] = len(name), block, -1
        patient = Patient(name, block, index, Desk(name))
        self.roster.append(patient)
        self.by_name[name] = patient
        self.members[block].append(patient)
        self.dirty[block] = True
        return patient

    def add_series(self, patient: Patient, vital: int, rule: int) -> int:
        """A new series of a patient; returns its row."""
        row = self.series_count
        if row == len(self.series):
            self.series = np.concatenate([self.series, np.zeros_like(self.series)])
            self.rule_index = np.concatenate([self.rule_index, np.zeros_like(self.rule_index)])
            self.row_block = np.concatenate([self.row_block, np.zeros_like(self.row_block)])
            self.due = np.concatenate([self.due, np.full_like(self.due, NEVER)])
        record = self.series[row]
        record["patient"], record["vital"] = patient.row, vital
        self.rule_index[row], self.row_block[row] = rule, patient.block
        patient.rows[vital] = row
        self.series_count += 1
        self.dirty[patient.block] = True
        return row

    def default_at(self, offset: int) -> Plan | None:
        """Everyone's plan that holds behind the record of this offset; None before the first."""
        return next((plan for at, plan in reversed(self.defaults) if at <= offset), None)

    def let_go(self, saved: int) -> None:
        """Forget plans for everyone and calibrations that no saved block needs (models/calibration.py)."""
        self.calibrations = needed(self.calibrations, saved)
        self.likelihoods = needed(self.likelihoods, saved)
        first = max((i for i, (at, _) in enumerate(self.defaults) if at <= saved), default=0)
        self.defaults = self.defaults[first:]

    def save(self, number: int, stamp: int) -> bytes:
        """One block as bytes, reflecting the input up to and with offset `stamp`."""
        members = self.members[number]
        rows = [row for patient in members for row in patient.rows.values()]
        saved = [
            SavedPatient(
                p.desk,
                p.plan,
                p.suspicions,
                [self.codes[v] for v in p.rows],
                p.held,
                p.watches,
                p.interplay,
            )
            for p in members
        ]
        first = number == 0
        block = Block(
            stamp,
            self.ledger[number].tolist(),
            saved,
            self.patients[[p.row for p in members]].tobytes(),
            self.series[rows].tobytes(),
            self.rejected if first else {},
            self.records if first else {},
            self.defaults if first else [],
            self.calibrations if first else [],
            self.likelihoods if first else [],
        )
        return msgspec.msgpack.encode((FORMAT, block))

    def load(self, blocks: Mapping[bytes, bytes]) -> None:
        """Put saved blocks into a fresh state, in the order of their numbers.

        Raises UnknownFormat when a block is of another format, and says which.
        """
        index = {code: i for i, code in enumerate(self.codes)}
        for number in sorted(int(key) for key in blocks):
            block = read_block(number, blocks[b"%d" % number], Block)
            if number == 0:
                self.rejected, self.records = block.rejected, block.records
                self.defaults, self.calibrations = block.defaults, block.calibrations
                self.likelihoods = block.likelihoods
            patient_rows = np.frombuffer(block.patient_rows, PATIENT)
            series_rows = np.frombuffer(block.series_rows, SERIES)
            at = 0
            for saved, record in zip(block.patients, patient_rows, strict=True):
                patient = self.add_patient(saved.desk.patient, number)
                patient.desk, patient.plan, patient.suspicions = saved.desk, saved.plan, saved.suspicions
                patient.held = saved.held
                patient.watches, patient.interplay = saved.watches, saved.interplay
                place = len(self.roster) - 1
                self.patients[place] = record
                self.patients[place]["zone_until"] = self.patients[place]["zone_from"]  # look it up anew
                for code in saved.vitals:
                    row = self.add_series(patient, index[code], 0)
                    self.series[row] = series_rows[at]
                    self.series[row]["patient"], self.series[row]["vital"] = place, index[code]
                    self.due[row] = 0  # look at the next tick
                    at += 1
            self.ledger[number] = block.ledger
            self.stamps[number] = block.stamp
            self.dirty[number] = False
