"""Does a trace become the tasks it describes, and is every bad row named?"""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from fleet.errors import ConfigurationError
from fleet.simulation.fleets import unequal_pools
from fleet.simulation.traces import read, service_of

FLEET = unequal_pools()


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_a_users_csv_keeps_types_tenants_sizes_and_order(tmp_path: Path) -> None:
    text = "t_s,type,size_s,tenant,priority,complexity\n7,code,3.5,b,9,0.9\n5,chat,2,a,,\n"
    workload = read(written(tmp_path / "mine.csv", text), FLEET)
    assert workload.arrival.tolist() == [0, 2]
    assert [workload.fleet.types[kind].name for kind in workload.kind] == ["chat", "code"]
    assert workload.size.tolist() == [2, 3.5]
    assert [workload.tenants[tenant] for tenant in workload.tenant] == ["a", "b"]
    assert workload.priority is not None
    assert workload.priority.tolist() == [0, 9]
    assert workload.complexity[1] == 0.9


def test_bad_rows_are_named_by_line_all_at_once(tmp_path: Path) -> None:
    text = "t_s,size_s,complexity\n0,1,\nsoon,1,\n2,-4,\n3,,\n4,1,1.5\n"
    with pytest.raises(ConfigurationError) as caught:
        read(written(tmp_path / "bad.csv", text), FLEET)
    for part in ("4 bad rows", "line 3: t_s is 'soon'", "line 4: size_s is '-4'", "line 5: size_s is missing", "line 6: c"):
        assert part in str(caught.value)


def test_an_unknown_type_runs_at_each_pools_mean_speed(tmp_path: Path) -> None:
    workload = read(written(tmp_path / "t.csv", "t_s,size_s,type\n0,1,poetry\n1,1,research\n"), FLEET)
    poetry = [kind.name for kind in workload.fleet.types].index("poetry")
    assert not np.isnan(workload.fleet.seconds[poetry]).any()
    assert np.isnan(workload.fleet.seconds[1 - poetry]).any()  # economy still cannot do research


def test_load_scales_sizes_to_the_fleet(tmp_path: Path) -> None:
    rows = "\n".join(f"{index},{1 + index % 7},code" for index in range(500))
    workload = read(written(tmp_path / "t.csv", f"t_s,size_s,type\n{rows}\n"), FLEET, load=0.6)
    assert workload.utilisation == pytest.approx(0.6)


def test_public_forms_are_recognised(tmp_path: Path) -> None:
    tokens = tmp_path / "tokens.csv.gz"
    tokens.write_bytes(gzip.compress(b"t_s,input_tokens,output_tokens\n0.000,5000,25\n0.5,0,0\n"))
    assert read(tokens, FLEET).size.tolist() == [service_of(5000, 25), service_of(0, 0)] == [2.5, 0.5]

    lines = '{"timestamp": 1000, "input_length": 0, "output_length": 25}\n' * 2 + '{"timestamp": 2500}\n'
    with pytest.raises(ConfigurationError, match="line 3: 'input_length' is missing"):
        read(written(tmp_path / "lines.jsonl", lines), FLEET)
    lines = lines.rsplit("\n", 2)[0] + '\n{"timestamp": 2500, "input_length": 9, "output_length": 9}\n'
    assert read(written(tmp_path / "lines.jsonl", lines), FLEET).arrival.tolist() == [0, 0, 1.5]

    rates = written(tmp_path / "rates.txt", "30\n60\n" * 200)
    assert len(read(rates, FLEET, seed=1)) == pytest.approx(400, rel=0.2)

    clients = "client,t_s,rate_per_s,cv,pattern,shape,scale\n0,0,0.5,1,Gamma,1.0,2\n0,600,0.5,1,Gamma,1.0,2\n"
    assert len(read(written(tmp_path / "clients.csv", clients), FLEET)) > 100


@pytest.mark.parametrize(
    ("text", "complaint"),
    [("", "has columns none"), ("a,b\n1,2\n", "has columns a, b"), ("t_s,size_s\n1,1\n", "at least 2")],
)
def test_a_file_that_is_no_trace_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        read(written(tmp_path / "t.csv", text), FLEET)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read(tmp_path / "none.csv", FLEET)
