"""One partition's journey: decode → quality → rollup → score → triage → wire, in log order.

Readings run through the compiled kernel in stretches; a record of another kind (plan, action, tick)
ends a stretch, so that everything happens at its own place in the log, whatever the batches are.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from models import actions, plan_change, recalibrate, stretch, ticks
from models.arrivals import arrive
from models.calibration import in_force
from models.decode import Other, Reading
from models.outputs import Ledger, Outputs, ledger_of
from models.partition import Partition
from models.wire import Reject


class Pipeline(Partition):
    """The core of one partition. Time enters as records; nothing else is asked."""

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
        self.out, self.lines = Outputs(b"", [], []), []
        if self.calibrations is None and len(offsets):
            self.calibrations = in_force(self.state.calibrations, int(offsets[0]) - 1)
            self.likelihoods = in_force(self.state.likelihoods, int(offsets[0]) - 1)
            self.default = self.state.default_at(int(offsets[0]) - 1) or self.shipped
        arrivals = arrive(values, offsets, keys, self.routes)
        begin = 0
        for i, item in arrivals.others.items():
            if not isinstance(item, Reading):
                stretch.run(self, arrivals, timestamps, offsets, begin, i)
                begin = i + 1
                if not self.seen(offsets[i], item):
                    self._other(item, int(timestamps[i]), int(offsets[i]))
        stretch.run(self, arrivals, timestamps, offsets, begin, len(values))
        if len(values):
            self.position = int(offsets[-1])
        self.out.results = b"".join(self.lines)
        return self.out

    def _other(self, item: Other | Reject, received: int, offset: int) -> None:
        """A record that is no reading, at its place between two stretches."""
        if isinstance(item, Reject):
            self.reject(item.reason, item.detail, offset, item.original)
        elif item.kind == "tick":
            self.count("ticks", offset)
            ticks.pass_time(self, received, offset)
        elif item.kind == "plan":
            plan_change.take(self, item, received, offset)
        elif item.kind == "action":
            actions.take(self, item, received, offset)
        else:
            recalibrate.take(self, item, offset)

    @property
    def ledger(self) -> Ledger:
        """Counts over everything this partition ever took, saved state included."""
        return ledger_of(self.state)

    def snapshot(self) -> dict[bytes, bytes]:
        """The blocks changed since the last snapshot, by number; they count as saved from here on.

        Those of the last snapshot are durable by now, so that what only older ones needed is let go of.
        """
        self.state.let_go(self.snapped)
        self.snapped = self.position
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
        for patient in self.state.roster:
            # a block older than a calibration or a plan for everyone meets its record again
            stamp = int(self.state.stamps[patient.block])
            self.calibrations = in_force(self.state.calibrations, stamp)
            self.default = self.state.default_at(stamp) or self.shipped
            self.enrol(patient, self.plan_of(patient))
            for vital, row in patient.rows.items():
                self.state.rule_index[row] = self.rule(patient, vital)
            ticks.note_expiry(self, patient)
        self.calibrations = None
        self.replay_until = int(self.state.stamps.max())
        self.position = max(self.position, self.replay_until)
