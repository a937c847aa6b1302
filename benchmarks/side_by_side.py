"""How many runs an hour two processes bring against one, alone and beside a busy process: python benchmarks/side_by_side.py [steps]

Two runs of the laptop preset with so many steps (200) and few pictures, trained with JOBS=1 and with JOBS=2; starting the processes counts."""
import multiprocessing, sys, tempfile, time
from dataclasses import replace
from pathlib import Path

root = Path(__file__).parent.parent
sys.path.insert(0, str(root))
from xvae.experiments import checkpoint_of, job, plan
from xvae.side_by_side import do_runs
from xvae.tasks.pose import load_data

def busy():
    while True: pass

def seconds(runs, jobs):
    "To train the runs, from nothing"
    for run in runs: checkpoint_of(run).unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        do_runs(runs, job(device="cpu", results_dir=folder), jobs)
        return time.perf_counter() - began

if __name__ == "__main__":
    few = replace(job(device="cpu").settings, steps=int(*sys.argv[1:2] or [200]), n_pairs=400, n_wild=400, n_test=100, n_library=400)
    runs = [plan("ours", few, seed) for seed in (0, 1)]
    load_data(few) # draws the pictures
    other = multiprocessing.get_context("spawn").Process(target=busy, daemon=True)
    for name in "alone", "beside a busy process":
        if name != "alone": other.start()
        one, two = (seconds(runs, jobs) for jobs in (1, 2))
        print(f"{name}: JOBS=2 does {one / two:.2f} times the runs of JOBS=1")
    other.terminate()
