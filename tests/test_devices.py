"""Technical alerts: a device's clock, battery and impossible values, told of the device, not the patient."""

from tests.stories import Story

OPENED, RESOLVED = "opened", "resolved"


def test_a_battery_at_ten_percent_twice_in_a_row_is_told_and_over_when_charged() -> None:
    story = Story("copd")
    story.measure("1 07:00", "peak-flow", 400.0, battery=0.10)
    assert story.told == []
    story.measure("2 07:00", "peak-flow", 400.0, battery=0.08)
    assert story.told == [(OPENED, "device-battery", "low")]
    assert story.sentence("fr") == (
        "La batterie de l'appareil d-1 est à 8 % : la recharger ou la changer avant que les "
        "mesures ne cessent."
    )
    assert story.sentence("en") == (
        "The battery of device d-1 is at 8 %: charge or change it before readings cease."
    )
    story.measure("3 07:00", "peak-flow", 400.0, battery=0.29)
    story.measure("4 07:00", "peak-flow", 400.0)
    assert len(story.told) == 1
    story.measure("5 07:00", "peak-flow", 400.0, battery=0.30)
    assert story.told[1:] == [(RESOLVED, "device-battery", "low")]


def test_a_better_battery_between_two_low_ones_breaks_the_row() -> None:
    story = Story("copd")
    for day, battery in enumerate((0.1, 0.11, 0.1), 1):
        story.measure(f"{day} 07:00", "peak-flow", 400.0, battery=battery)
    assert story.told == []


def test_the_three_readings_of_one_cuff_measurement_say_once_that_its_battery_is_low() -> None:
    story = Story("hypertension")
    for vital, value in (("systolic-bp", 128.0), ("diastolic-bp", 78.0), ("heart-rate", 70.0)):
        story.measure("1 07:30", vital, value, battery=0.05)
    assert story.told == []
    story.measure("1 19:30", "systolic-bp", 128.0, battery=0.05)
    assert story.told == [(OPENED, "device-battery", "low")]


def test_a_battery_told_in_percent_or_as_unknown_is_not_believed() -> None:
    story = Story("copd")
    for day, battery in enumerate((-1.0, -1.0, 5.0, 5.0), 1):
        story.measure(f"{day} 07:00", "peak-flow", 400.0, battery=battery)
    assert story.told == []
    assert story.ledger.accepted == 4


def test_five_impossible_values_in_a_row_put_the_device_in_doubt_and_two_possible_ones_clear_it() -> None:
    story = Story("copd")
    story.series("spo2", "1 08:00", 15, [0.0] * 4 + [91.0] + [0.0] * 4)
    assert story.told == []
    story.measure("1 10:15", "spo2", 0.0)
    assert story.told == [(OPENED, "implausible-burst", "medium")]
    assert story.sentence("fr") == (
        "L'appareil d-1 a envoyé 5 valeurs impossibles de suite (Saturation en oxygène 0 % ; plausible : "
        "30 à 100 %). Elles sont écartées : vérifier l'appareil."
    )
    assert story.sentence("en") == (
        "Device d-1 sent 5 impossible values in a row (Oxygen saturation 0 %; plausible: 30 to 100 %). "
        "They are set aside: check the device."
    )
    story.series("spo2", "1 11:00", 15, [91.0, 0.0, 90.0])
    assert len(story.told) == 1
    story.measure("1 12:00", "spo2", 91.0)
    assert story.told[1:] == [(RESOLVED, "implausible-burst", "medium")]
    assert story.ledger.rejected == {"implausible": 10}


def test_a_gateway_that_sends_the_same_impossible_value_again_is_no_burst() -> None:
    story = Story("copd")
    for _ in range(9):
        story.measure("1 08:00", "spo2", 0.0)
    assert story.told == []


def test_the_good_values_of_another_device_do_not_speak_for_the_bad_one() -> None:
    story = Story("copd")
    for minute in range(5):
        story.measure(f"1 08:{minute:02}", "spo2", 0.0, device="probe")
        story.measure(f"1 08:{minute:02}", "spo2", 91.0, device="ring")
    assert story.told == [(OPENED, "implausible-burst", "medium")]
    assert story.bodies[0]["device"] == "probe"


def test_a_device_that_was_replaced_is_in_doubt_no_longer_than_a_week() -> None:
    story = Story("copd")
    story.series("spo2", "1 08:00", 15, [0.0] * 5, device="probe")
    story.series("spo2", "2 08:00", 1440, [91.0] * 7, device="ring")
    assert len(story.told) == 1
    story.measure("9 08:00", "spo2", 91.0, device="ring")
    assert story.told[1:] == [(RESOLVED, "implausible-burst", "medium")]


def test_a_tracker_set_to_tomorrow_is_told_once_and_the_oximeters_good_clock_does_not_hide_it() -> None:
    story = Story("copd")
    for hour in (8, 9, 10):
        story.wait(f"1 {hour:02}:00")
        story.put_ahead(f"1 {hour:02}:00", "heart-rate", 70.0, "tracker", hours=26)
        story.measure(f"1 {hour:02}:01", "heart-rate", 70.0, device="oximeter")
    assert story.told == [(OPENED, "device-clock", "medium")]
    assert story.sentence("fr").startswith("L'horloge de l'appareil tracker avance de 26 h")
    story.measure("1 11:00", "heart-rate", 70.0, device="tracker")
    assert story.told[1:] == [(RESOLVED, "device-clock", "medium")]


def test_what_is_suspected_of_a_device_survives_a_restart() -> None:
    story = Story("copd")
    story.series("spo2", "1 08:00", 15, [0.0] * 4, device="probe")
    story.measure("1 08:50", "peak-flow", 400.0, device="meter", battery=0.1)
    story.restart()
    story.measure("1 09:00", "spo2", 0.0, device="probe")
    story.measure("1 09:10", "peak-flow", 400.0, device="meter", battery=0.1)
    story.restart()
    assert [rule for _, rule, _ in story.told] == ["implausible-burst", "device-battery"]
    story.measure("1 09:20", "peak-flow", 400.0, device="meter", battery=0.9)
    assert story.told[2:] == [(RESOLVED, "device-battery", "low")]


def test_hundreds_of_made_up_devices_leave_a_patients_state_small() -> None:
    story = Story("copd")
    for n in range(300):
        story.measure("1 08:00", "spo2", 0.0, device=f"made-up-{n}")
    (patient,) = story.pipeline.state.roster
    assert len(patient.suspicions) == 64
    assert story.told == []
