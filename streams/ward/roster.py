"""Who lies on the simulated ward: pseudonyms, programmes, the vitals that each one's devices send."""

from dataclasses import dataclass
from typing import Final

import numpy as np

PROGRAMMES: Final[dict[str, tuple[str, ...]]] = {
    "heart-failure": (
        "heart-rate", "spo2", "body-weight", "systolic-bp", "diastolic-bp", "breathlessness",
        "symptom-swelling",
    ),
    "diabetes": ("blood-glucose", "heart-rate", "steps"),
    "copd": ("spo2", "respiratory-rate", "peak-flow", "breathlessness", "symptom-cough"),
    "hypertension": ("systolic-bp", "diastolic-bp", "heart-rate", "body-weight"),
    "post-operative": ("heart-rate", "spo2", "body-temperature", "pain", "symptom-wound"),
}  # fmt: skip

# Programme of each bed and the story told there ("" = an ordinary patient).
BEDS: Final = (
    *(("heart-failure", story) for story in ("decompensation", "nocturnal-heart-rate", "never-sent")),
    *(("heart-failure", ""),) * 4,
    ("diabetes", "hypoglycaemia"),
    *(("diabetes", ""),) * 4,
    ("copd", "dropped-oximeter"),
    *(("copd", ""),) * 4,
    *(("hypertension", ""),) * 4,
    ("post-operative", "wrong-clock"),
    *(("post-operative", ""),) * 2,
)

_DEVICES: Final = {
    "heart-rate": "tracker",
    "steps": "tracker",
    "spo2": "oximeter",
    "respiratory-rate": "strap",
    "blood-glucose": "cgm",
    "body-weight": "scale",
    "systolic-bp": "cuff",
    "diastolic-bp": "cuff",
    "body-temperature": "thermometer",
    "peak-flow": "flowmeter",
}


@dataclass(frozen=True)
class Patient:
    """One bed: a pseudonym, a programme, the vitals sent, the story told ("" = none)."""

    index: int
    name: str
    programme: str
    vitals: tuple[str, ...]
    story: str


def admit(seed: int) -> list[Patient]:
    """The 24 patients of a seed; pseudonyms are distinct and say nothing."""
    numbers = np.random.default_rng([seed, 0]).choice(0x10000 - 0x1000, len(BEDS), replace=False) + 0x1000
    return [
        Patient(i, f"p-{number:04x}", programme, PROGRAMMES[programme], story)
        for i, ((programme, story), number) in enumerate(zip(BEDS, numbers, strict=True))
    ]


def device(vital: str, patient: Patient) -> str:
    """The pseudonym of the device that measures a vital of a patient; questions come from a form."""
    return f"{_DEVICES.get(vital, 'form')}-{1000 + 37 * patient.index}"
