"""A short form of the campaign of faults; `make faults` runs all of it."""

from pathlib import Path

import faults
import pytest

SHORT = [fault for fault in faults.all_faults() if fault.short]


@pytest.mark.parametrize("fault", SHORT, ids=lambda fault: fault.title)
def test_every_draw_is_survived(fault: faults.Fault, tmp_path: Path) -> None:
    for number in range(fault.short):
        try:
            lost = faults.run(fault, number, tmp_path / str(number))
        except faults.NotHere as error:
            pytest.skip(str(error))
        assert not lost, lost


def test_every_fault_has_its_own_title_and_is_drawn() -> None:
    found = faults.all_faults()
    assert len({fault.title for fault in found}) == len(found) > 0
    assert all(0 <= fault.short <= fault.draws and fault.draws > 0 for fault in found)
