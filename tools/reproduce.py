"All of reproduce/ but the search, runs that are missing only, with one progress bar (`make reproduce`): python tools/reproduce.py [-p NAME VALUE]..."
import signal, sys
from pathlib import Path
import papermill
from xvae.experiments import job
from xvae.side_by_side import do_runs, progress
from xvae.arms import NOTEBOOKS, notebook_arms

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

def main(words):
    asked = parameters(words)
    (ROOT / "_runs").mkdir(exist_ok=True)
    with progress() as bar:
        do_runs([run for name in NOTEBOOKS for run in needed(name, asked)], job(**asked), bar=bar)
        for name in NOTEBOOKS:
            bar.set_postfix_str(name)
            papermill.execute_notebook(ROOT / f"reproduce/{name}.ipynb", ROOT / f"_runs/{name}.ipynb", asked, progress_bar=False)

if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler) # ends like Ctrl-C
    try: main(sys.argv[1:])
    except KeyboardInterrupt: print("stopped; the same command goes on from here", file=sys.stderr); sys.exit(130)
