"""The quick draws of the fault campaign; `make faults` runs all of it."""

from pathlib import Path

import faults
import pytest

QUICK = [fault for fault in faults.all_faults() if fault.quick]


@pytest.mark.parametrize("fault", QUICK, ids=lambda fault: fault.title)
def test_every_draw_is_survived(fault: faults.Fault, tmp_path: Path) -> None:
    for number in range(fault.quick):
        try:
            lost = faults.run(fault, number, tmp_path / str(number))
        except faults.NotHere as error:
            pytest.skip(str(error))
        assert not lost, lost


def test_every_fault_has_its_own_title() -> None:
    found = faults.all_faults()
    assert len({fault.title for fault in found}) == len(found) > 0
