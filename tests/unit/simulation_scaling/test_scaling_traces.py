"""Are traces read exactly, and refused with every bad line named?"""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from fleet.errors import ConfigurationError, UnknownName
from fleet.scaling.targets import DecisionSettings
from fleet.simulation.scaling import replay, servegen, trace_file
from fleet.simulation.scaling.variants import varied

RATES = "client,t_s,rate_per_s,cv,pattern,shape,scale\n"


def written(tmp_path: Path, text: str, name: str = "trace.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


@pytest.mark.parametrize("name", ["trace.csv", "trace.csv.gz"])
def test_service_times_of_the_file_are_used(tmp_path: Path, name: str) -> None:
    read = replay.read(written(tmp_path, "t_s,service_s\n100,5\n40,7\n", name), seed=1)
    assert read.arrivals.tolist() == [0.0, 60.0]
    assert read.services.tolist() == [7.0, 5.0]


def test_tokens_stand_in_for_service_times(tmp_path: Path) -> None:
    read = replay.read(written(tmp_path, "t_s,input_tokens,output_tokens\n0,5000,25\n"), seed=1)
    assert read.services.tolist() == [2.5]


def test_json_lines_and_requests_per_second_are_traces_too(tmp_path: Path) -> None:
    lines = '{"timestamp": 2000, "input_length": 5000, "output_length": 25}\n' * 2
    assert replay.read(written(tmp_path, lines, "a.jsonl"), seed=1).services.tolist() == [2.5, 2.5]
    counted = replay.read(written(tmp_path, "1\n" * 500, "b.txt"), seed=1)
    assert len(counted.arrivals) == pytest.approx(500, rel=0.2)


def test_every_bad_row_is_named_by_line(tmp_path: Path) -> None:
    path = written(tmp_path, "t_s,service_s\n0,1\nx,1\n2,\n3,-4\n4,nan\n5,0\n6,1\n")
    with pytest.raises(trace_file.BadTrace) as caught:
        replay.read(path, seed=1)
    text = str(caught.value)
    assert [line for line in range(2, 9) if f"line {line}:" in text] == [3, 4, 5, 6]
    assert "'x', not a number" in text


@pytest.mark.parametrize(
    ("text", "says"), [("", "columns none"), ("time\n1\n", "columns time: give t_s"), ("t_s\n", "no rows")]
)
def test_files_without_arrivals_are_refused(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        replay.read(written(tmp_path, text), seed=1)


def test_a_missing_file_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        replay.read(tmp_path / "absent.csv", seed=1)


def test_client_rates_become_a_stream_of_the_asked_rate(tmp_path: Path) -> None:
    rows = [f"{c},{t},0.5,2,{kind},0.4,1\n" for c in range(8) for t in range(0, 36_000, 600) for kind in ["Gamma"]]
    path = written(tmp_path, RATES + "".join(rows))
    assert servegen.recognises(trace_file.columns(path))
    stream = servegen.read(path, seed=3, rate=1.0)
    assert len(stream.arrivals) == pytest.approx(36_000, rel=0.05)
    assert np.all(np.diff(stream.arrivals) >= 0.0)
    counts = np.histogram(stream.arrivals, bins=np.arange(0, 36_001, 60))[0]
    assert counts.var() / counts.mean() > 1.5


def test_a_bad_rate_row_is_named_by_line(tmp_path: Path) -> None:
    path = written(tmp_path, RATES + "0,0,0.5,1,Gamma,1,1\n0,600,0.5,1,Pareto,1,1\n0,1200,abc,1,Gamma,1,1\n")
    with pytest.raises(trace_file.BadTrace, match=r"line 3: .*Pareto.*line 4:"):
        servegen.read(path, seed=1)


def test_settings_are_varied_by_name() -> None:
    made = varied(
        DecisionSettings(), ["promise=1.0", "forecast.long_ticks=20", "headroom.gain=0.005", "threshold.high=0.7"]
    )
    assert made.staffing.promise == 1.0
    assert made.staffing.forecast.long_ticks == 20
    assert made.staffing.headroom.gain == 0.005
    assert made.threshold.high == 0.7
    assert varied(made, ["policy=threshold"]).policy == "threshold"


@pytest.mark.parametrize("wrong", ["promise", "promise=much"])
def test_impossible_assignments_are_refused(wrong: str) -> None:
    with pytest.raises(ConfigurationError):
        varied(DecisionSettings(), [wrong])


def test_an_unknown_setting_gets_a_suggestion() -> None:
    with pytest.raises(UnknownName, match="did you mean 'promise'"):
        varied(DecisionSettings(), ["promis=1"])
