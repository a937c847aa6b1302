"Runs side by side: the numbers of one after another, each run once, and nothing lost or left behind when they are stopped or fail"
import os, signal, subprocess, sys, time
from dataclasses import replace
from threading import Thread
import pytest, torch
from conftest import ROOT
from test_reproduce import TABLE1, papermill
from xvae import side_by_side
from xvae.io import load_tensors
from xvae.experiments import checkpoint_of, do_run, find_run, job, plan, run_name
from xvae.side_by_side import do_runs
from xvae.arms import ARMS

STEPS = 500 # a few seconds; the first checkpoint comes after 200

def smoke(results):
    "A job, and two runs of it with more steps, which are quick"
    j = job("smoke", device="cpu", results_dir=results)
    return j, [plan("supervised_only", replace(j.settings, steps=STEPS, batch=2, wild_batch=2), seed, 0.1) for seed in (0, 1)]

def script(results, *lines):
    "A process of its own session that does `lines`, with a job `j` and two `runs` of a few seconds"
    start = f"""
import signal; signal.signal(signal.SIGINT, signal.default_int_handler) # where tests run in the background it is ignored
import sys; sys.path.insert(0, {str(ROOT / "tests")!r})
from test_jobs import *
j, runs = smoke({str(results)!r})"""
    return subprocess.Popen([sys.executable, "-c", "\n".join([start, *lines])], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)

def until(true, seconds=300):
    "Wait until it is true"
    end = time.time() + seconds
    while not true():
        assert time.time() < end
        time.sleep(0.05)

def alive(group):
    "Whether any process of the session is left"
    try: os.killpg(group, 0); return True
    except ProcessLookupError: return False

def files(folder): return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.name != "run.json"}

def test_same_numbers(tmp_path):
    "Two at a time, one at a time, or in this process on as many threads as there are: weights, curves and metrics are the same"
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    (j, _), (one, _), (two, _) = (smoke(tmp_path/name) for name in ("here", "one", "two"))
    runs = [arm.run(j, 0) for arm in ARMS["table1"] if arm.supervision < 1]
    here, alone, beside = [do_run(run, j) for run in runs], do_runs(runs, one, 1), do_runs(runs, two, 2)
    assert torch.get_num_threads() == 2
    torch.set_num_threads(threads)
    assert [run.metrics for run in here] == [run.metrics for run in alone] == [run.metrics for run in beside]
    assert {run.environment["threads"] for run in here + alone + beside} == {1}
    assert files(j.results) == files(one.results) == files(two.results)

def test_each_run_once(tmp_path):
    "Two shells ask for the same run at the same time: one trains it, the other waits and has its numbers"
    told = ["import xvae.training as t; steps, seed_step = [], t.seed_step", "t.seed_step = lambda *a: (steps.append(a), seed_step(*a))",
        "done = do_run(runs[0], j)", "print(len(steps), done.metrics)"]
    said = [shell.communicate()[0].split(maxsplit=1) for shell in [script(tmp_path, *told) for _ in range(2)]]
    assert sorted(int(steps) for steps, _ in said) == [0, STEPS] and said[0][1] == said[1][1]

@pytest.mark.parametrize("stop", [
    pytest.param(lambda p: os.killpg(p.pid, signal.SIGINT), id="ctrl_c"),
    pytest.param(lambda p: os.kill(p.pid, signal.SIGTERM), id="sigterm"),
    pytest.param(lambda p: os.kill(p.pid, signal.SIGKILL), id="sigkill"),
])
def test_stopped(tmp_path, stop):
    "No process is left and nothing half-written; checkpoints are, and the next start goes on from them"
    j, runs = smoke(tmp_path)
    checkpoints = [checkpoint_of(run) for run in runs]
    for path in checkpoints: path.unlink(missing_ok=True)
    parent = script(tmp_path, "do_runs(runs, j, 2)")
    until(lambda: all(path.exists() for path in checkpoints))
    stop(parent)
    told = parent.communicate(timeout=60)[1]
    until(lambda: not alive(parent.pid), 60)
    assert parent.returncode and all(f"supervised_only 10% seed {seed} " in told for seed in (0, 1))
    assert list(tmp_path.rglob("*")) == [] and all(load_tensors(path)[1]["step"] in range(200, STEPS) for path in checkpoints)
    assert [len(run.metrics) > 0 for run in do_runs(runs, j, 2)] == [True, True]
    assert [path.exists() for path in checkpoints] == [False, False]

def test_failed_run(tmp_path):
    "`make table1` names the run that failed, and why, and ends with an error; the others are done"
    j = job("smoke", device="cpu", results_dir=tmp_path)
    runs = [arm.run(j, 0) for arm in ARMS["table1"]]
    wrong = next(run for run in runs if run_name(run) == "ours 10% seed 0")
    checkpoint_of(wrong).parent.mkdir(exist_ok=True)
    checkpoint_of(wrong).write_bytes(b"")
    done = papermill(TABLE1, "-", results_dir=tmp_path, device="cpu")
    checkpoint_of(wrong).unlink()
    last = done.stderr.strip().splitlines()[-1]
    assert done.returncode and f"1 of {len(runs)} runs failed" in last and "ours 10% seed 0" in last and "delete it" in last
    assert [run.id for run in runs if not find_run(j.results, run)] == [wrong.id]

def test_killed_process(tmp_path, monkeypatch):
    "One whose process is killed, as for want of memory, fails alone, and what was left to that process is done by another"
    j, (ours, other) = smoke(tmp_path)
    workers, start = [], side_by_side.Worker.start
    monkeypatch.setattr(side_by_side.Worker, "start", lambda self: (start(self), workers.append(self)))
    def kill():
        until(lambda: workers and workers[0].at)
        workers[0].process.kill()
    killer = Thread(target=kill)
    killer.start()
    with pytest.raises(RuntimeError, match="1 of 2 runs failed, the others are stored: supervised_only 10% seed 0 .* SIGKILL"): do_runs([ours, other], j, 1)
    killer.join()
    assert len(workers) == 2 and find_run(j.results, ours) is None and find_run(j.results, other)
