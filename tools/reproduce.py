"""All of reproduce/ but the searches for settings, runs that are missing only, with one progress bar (`make reproduce`):
python tools/reproduce.py [-p NAME VALUE]... [--executor slurm [NAME=VALUE...]]"""
import signal, sys
from pathlib import Path
import papermill
from xvae.experiments import job
from xvae.arms import NOTEBOOKS, notebook_arms
from xvae.cluster import do_queued
from xvae.side_by_side import do_runs, progress

ROOT = Path(__file__).parent.parent
SHARED = ("preset", "seeds", "device", "results_dir") # parameters that mean the same to all notebooks

def parameters(words):
    "What follows each -p, as papermill has it"
    if len(words) % 3 or any(word != "-p" for word in words[::3]): sys.exit(f"{__doc__}\nexpected -p NAME VALUE, got {' '.join(words)}")
    found = dict(zip(words[1::3], words[2::3]))
    if unknown := sorted(found.keys() - set(SHARED)):
        sys.exit(f"parameter {', '.join(unknown)}: all notebooks share {', '.join(SHARED)}; for other data run them one by one with papermill")
    return found

def needed(name, asked):
    "Runs that a notebook needs"
    task, arms = notebook_arms(name, asked.get("preset", "laptop"))
    j = job(**asked, task=task)
    return [arm.run(j, seed) for seed in j.seeds for arm in arms]

def queue(words):
    "What follows --executor: its name, and what submitit is told besides"
    name, *rest = words or [""]
    if name not in ("slurm", "local") or not all("=" in word for word in rest): sys.exit(f"{__doc__}\nexpected slurm or local, and NAME=VALUE, got {' '.join(words)}")
    return name, {k: int(v) if v.isdecimal() else v for k, v in (word.split("=", 1) for word in rest)}

def train(asked, executor, bar):
    "All runs that the store lacks, here or, on whatever device it is there, on a cluster"
    here = {k: v for k, v in asked.items() if k != "device"} if executor else asked
    runs, j = [run for name in NOTEBOOKS for run in needed(name, here)], job(**here)
    if not executor: return do_runs(runs, j, bar=bar)
    name, wanted = executor
    return do_queued(runs, j, name, asked.get("device", "auto"), bar=bar, **wanted)

def main(words):
    at = words.index("--executor") if "--executor" in words else len(words)
    asked, executor = parameters(words[:at]), queue(words[at + 1:]) if words[at:] else None
    (ROOT / "_runs").mkdir(exist_ok=True)
    with progress() as bar:
        train(asked, executor, bar)
        for name in NOTEBOOKS:
            bar.set_postfix_str(name)
            shown = asked | (dict(device="auto") if executor else {})
            papermill.execute_notebook(ROOT / f"reproduce/{name}.ipynb", ROOT / f"_runs/{name}.ipynb", shown, progress_bar=False)

if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler) # ends like Ctrl-C
    try: main(sys.argv[1:])
    except KeyboardInterrupt as e: print(f"stopped: {e}" if str(e) else "stopped; the same command goes on from here", file=sys.stderr); sys.exit(130)
