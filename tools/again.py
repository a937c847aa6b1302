"""Train one seed of every row of Table 1 anew and compare it with the stored run: python tools/again.py [-p NAME VALUE]...

results/again.csv has all numbers, results/again.md PA-MPJPE. It ends with an error if MPJPE or PA-MPJPE is further from the stored one than
`xvae.frames.TOLERANCE`, or if a row has no stored run; such rows are named and left out. `-p seeds 0` says which seed, `-p preset laptop` and the like which store."""
import signal, sys, tempfile
from dataclasses import replace
from pathlib import Path
from reproduce import parameters
from xvae.arms import ARMS
from xvae.experiments import find_run, job, run_name
from xvae.frames import TOLERANCE, trained_again
from xvae.tables import LABELS, write_table

def shown(frame):
    "PA-MPJPE, stored and again"
    its = frame[frame.metric == "pa_mpjpe"]
    return its.assign(Method=its.method.map(LABELS), Pairs=[f"{100 * f:.0f} %" for f in its.supervision], Stored=its.stored.round(1), Again=its.again.round(1),
        Holds=its.holds.map({True: "yes", False: "no"}), Seed=its.seed)[["Method", "Pairs", "Seed", "Stored", "Again", "Holds"]]

def main(words):
    j = job(**parameters(words))
    found = {run_name(run): find_run(j.results, run) for seed in j.seeds for run in (arm.run(j, seed) for arm in ARMS["table1_all"])}
    if missing := [name for name, run in found.items() if run is None]: print(f"not stored: {', '.join(missing)}")
    runs = [run for run in found.values() if run]
    if not runs: sys.exit(f"{j.results}: no run of Table 1 is stored there, expected results that a table was made of")
    with tempfile.TemporaryDirectory() as folder: frame = trained_again(runs, replace(j, results=Path(folder)))
    write_table(j.folder, "again", frame, shown(frame))
    errors = frame[frame.metric.isin(("mpjpe", "pa_mpjpe"))]
    far = errors[~errors.holds]
    print(f"{len(runs)} runs trained anew, {len(errors)} errors, {len(far)} further than {TOLERANCE:.0%} from the stored ones")
    if len(far): sys.exit(far.to_string())
    if missing: sys.exit(f"{len(missing)} rows were not compared: no run of theirs is stored")

if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try: main(sys.argv[1:])
    except KeyboardInterrupt: print("stopped; the stored runs are as they were", file=sys.stderr); sys.exit(130)
