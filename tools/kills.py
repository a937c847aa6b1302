"""Kill a smoke-sized `make reproduce` at random moments, start it again, and compare what it ends with: python tools/kills.py [--n 100]

All its processes are killed at once (SIGKILL), a few times on its way to the end; then it begins anew, until there were `n` kills.
A row of results/reliability.csv says how many ends differed from an undisturbed one's.
"""
import json, os, random, shutil, signal, subprocess, sys, tempfile, time
from argparse import ArgumentParser
from pathlib import Path
from reliability import ROOT, note

def start(results, cache, log):
    "The command, in a session of its own"
    words = [sys.executable, ROOT/"tools/reproduce.py", *"-p preset smoke -p device cpu -p results_dir".split(), results]
    env = os.environ | dict(XVAE_CACHE=str(cache), OMP_NUM_THREADS="1", TQDM_DISABLE="1")
    return subprocess.Popen(list(map(str, words)), env=env, stdout=log, stderr=log, start_new_session=True)

def what(path):
    "The content of a file, less what says when and on what it was made"
    if path.name == "run.json": return {k: v for k, v in json.loads(path.read_text(encoding="utf-8")).items() if k != "environment"}
    return path.read_bytes()

def found(results):
    "All that is there, hidden files too; pictures are drawn from the numbers, with a date in them"
    its = [p for p in sorted(results.rglob("*")) if p.is_file() and p.suffix not in (".png", ".svg")]
    return {str(p.relative_to(results)): what(p) for p in its}

def survived(results, cache, log, dice, longest, left):
    "Kill and start again until it ends by itself, or as often as is left; how often that was"
    kills = 0
    while True:
        child = start(results, cache, log)
        try:
            if child.wait(dice.uniform(1, longest) if kills < left else None): sys.exit(f"it failed by itself, see {log.name}")
            return kills
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait(); kills += 1

def main():
    p = ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--n", type=int, default=100, help="kills")
    p.add_argument("--longest", type=float, default=60, help="seconds until the next one, at most")
    p.add_argument("--seed", type=int, default=0)
    a = p.parse_args()
    dice, kills, differing, ends = random.Random(a.seed), 0, 0, 0
    with tempfile.TemporaryDirectory() as folder, open(Path(tempfile.gettempdir())/"xvae_kills.txt", "w", encoding="utf-8") as log:
        folder, began = Path(folder), time.time()
        if start(folder/"whole", folder/"cache", log).wait(): sys.exit(f"it failed undisturbed, see {log.name}")
        whole = found(folder/"whole")
        print(f"undisturbed: {len(whole)} files, {time.time() - began:.0f} s", flush=True)
        while kills < a.n:
            kills += survived(folder/"killed", folder/"cache", log, dice, a.longest, a.n - kills)
            now = found(folder/"killed")
            wrong = sorted(k for k in now.keys() | whole.keys() if now.get(k) != whole.get(k))
            differing, ends = differing + bool(wrong), ends + 1
            print(f"{kills} kills, {ends} ends, {differing} differing {wrong[:5]}", flush=True)
            shutil.rmtree(folder/"killed")
    note("reproduction killed at a random moment and started again", kills, differing, f"python tools/kills.py --n {a.n} --seed {a.seed}")

if __name__ == "__main__": main()
