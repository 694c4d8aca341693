"""A calibration comes, of vitals or of verdicts: it holds from its place in the log on."""

from models.calibration import decode_calibration
from models.decode import Other
from models.partition import Partition
from models.verdicts.calibration import decode_likelihood, is_likelihood


def take(partition: Partition, item: Other, offset: int) -> None:
    """A calibration holds from here on, for every patient whose block does not reflect it yet."""
    if is_likelihood(item.data):
        _take_likelihood(partition, item, offset)
        return
    try:
        calibration = decode_calibration(item.data, partition.catalog)
    except ValueError as error:
        partition.reject("invalid-calibration", str(error), offset, item.data)
        return
    partition.count("calibrations", offset)
    if offset > partition.state.stamps[0]:
        partition.state.calibrations.append((offset, calibration))
    partition.calibrations = {**(partition.calibrations or {}), calibration.programme: calibration}
    for patient in partition.state.roster:
        if offset > partition.state.stamps[patient.block]:
            partition.state.dirty[patient.block] = True
            for vital, row in patient.rows.items():
                partition.state.rule_index[row] = partition.rule(patient, vital)


def _take_likelihood(partition: Partition, item: Other, offset: int) -> None:
    """What was learned of verdicts holds for the alerts that open from here on."""
    try:
        calibration = decode_likelihood(item.data)
    except ValueError as error:
        partition.reject("invalid-calibration", str(error), offset, item.data)
        return
    partition.count("calibrations", offset)
    if offset > partition.state.stamps[0]:
        partition.state.likelihoods.append((offset, calibration))
    partition.likelihoods = {**partition.likelihoods, calibration.programme: calibration}
