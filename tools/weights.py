"Keep halved weights of the models in the figures, which git keeps; trains what the store has no weights of: python tools/weights.py"
from xvae.arms import Arm
from xvae.experiments import HALVED, do_run, job, keep_halved, weights_of
from xvae.regimes import found, large

SHOWN = [Arm("ours"), Arm("ours", 0.1), Arm("without_cross"), Arm("supervised_only"), found("same person"), large("same person")]

if __name__ == "__main__":
    j = job("laptop")
    for arm in SHOWN:
        run = arm.run(j, 0)
        path = weights_of(j.results, run)
        if path is None: path = weights_of(j.results, do_run(run, j, again=True))
        if path.name != HALVED: path = keep_halved(j.results, run)
        print(f"{path.relative_to(j.results.parent)}: {path.stat().st_size / 1e6:.1f} MB, {arm.method}, {arm.supervision:.0%} of the pairs")
