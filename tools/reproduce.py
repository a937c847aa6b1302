"All of reproduce/ but the search, runs that are missing only, with one progress bar (`make reproduce`): python tools/reproduce.py [-p NAME VALUE]..."
import sys
from pathlib import Path
import papermill
from tqdm import tqdm
from xvae.experiments import BASELINES, do_run, find_run, job, task_of
from xvae.tables import NOTEBOOKS, notebook_arms

ROOT = Path(__file__).parent.parent
SHARED = ("preset", "seeds", "device", "results_dir") # parameters that mean the same to all notebooks

def parameters(words):
    "What follows each -p, as papermill has it"
    if len(words) % 3 or any(word != "-p" for word in words[::3]): sys.exit(f"{__doc__}\nexpected -p NAME VALUE, got {' '.join(words)}")
    found = dict(zip(words[1::3], words[2::3]))
    if unknown := sorted(found.keys() - set(SHARED)):
        sys.exit(f"parameter {', '.join(unknown)}: all notebooks share {', '.join(SHARED)}; for other data run them one by one with papermill")
    return found

def missing(name, asked):
    "Training runs that a notebook needs and the store lacks: (run, job)"
    task, arms = notebook_arms(name, asked.get("preset", "laptop"))
    j = job(**asked, task=task)
    runs = {run.id: run for run in (arm.run(j, seed) for seed in j.seeds for arm in arms)}
    return [(run, j) for run in runs.values() if run.method not in BASELINES[task_of(run.settings)] and not find_run(j.results, run)]

def main(words):
    asked = parameters(words)
    (ROOT / "_runs").mkdir(exist_ok=True)
    with tqdm(total=len({run.id for name in NOTEBOOKS for run, _ in missing(name, asked)}), unit="run", desc="training runs") as bar:
        for name in NOTEBOOKS:
            for run, j in missing(name, asked): do_run(run, j); bar.update()
            bar.set_postfix_str(name)
            papermill.execute_notebook(ROOT / f"reproduce/{name}.ipynb", ROOT / f"_runs/{name}.ipynb", asked, progress_bar=False)

if __name__ == "__main__": main(sys.argv[1:])
