"Times PA-MPJPE against roma and VideoPose3D's formula, side by side: python benchmarks/metrics.py [device]"
import statistics, sys, time
from pathlib import Path

import numpy as np, roma, torch

sys.path.insert(0, str(Path(__file__).parent.parent))
from xvae.metrics import pa_mpjpe

def videopose3d(pred, target):
    "VideoPose3D's `p_mpjpe` as a formula, in NumPy, per pose"
    mu_x, mu_y = target.mean(1, keepdims=True), pred.mean(1, keepdims=True)
    x, y = target - mu_x, pred - mu_y
    norm_x, norm_y = (np.sqrt((z ** 2).sum((1, 2), keepdims=True)) for z in (x, y))
    u, s, vt = np.linalg.svd((x / norm_x).swapaxes(1, 2) @ (y / norm_y))
    v, ut = vt.swapaxes(1, 2), u.swapaxes(1, 2)
    sign = np.sign(np.linalg.det(v @ ut))
    v[:, :, -1] *= sign[:, None]; s[:, -1] *= sign
    r, a = v @ ut, s.sum(1)[:, None, None] * norm_x / norm_y
    return np.linalg.norm(a * pred @ r + (mu_x - a * mu_y @ r) - target, axis=-1).mean(1)

def with_roma(pred, target):
    "The same with `roma`"
    r, t, s = roma.rigid_points_registration(pred, target, compute_scaling=True)
    return (s[:, None, None] * (pred @ r.mT) + t[:, None] - target).norm(dim=-1).mean(-1)

def milliseconds(functions, args, rounds=15):
    "Median time of each function, the functions taking turns"
    times = {f: [] for f in functions}
    for _ in range(rounds):
        for f in functions:
            start = time.perf_counter(); float(f(*args[f])[0]) # reading a number waits for the device
            times[f].append(1000 * (time.perf_counter() - start))
    return [statistics.median(t[2:]) for t in times.values()]

def ours(pred, target): return pa_mpjpe(pred, target, reduction="none")

if __name__ == "__main__":
    torch.set_num_threads(1)
    device = sys.argv[1] if len(sys.argv) > 1 else "cpu"
    print(f"float64, 17 joints, 1 thread, {device} (the NumPy formula always on cpu); ms, and the ratio to ours")
    print(f"{'poses':>7} {'ours':>9} {'roma':>9} {'VideoPose3D':>12}   roma/ours  VideoPose3D/ours")
    for n in (1, 100, 2000, 20000):
        pred, target = 300 * torch.randn(2, n, 17, 3, dtype=torch.float64)
        there = pred.to(device), target.to(device)
        args = {ours: there, with_roma: there, videopose3d: (pred.numpy(), target.numpy())}
        scores = [torch.as_tensor(f(*a)).cpu() for f, a in args.items()]
        assert max((score - scores[0]).abs().max() for score in scores) < 1e-6, "they disagree by more than 1e-6 mm"
        a, b, c = milliseconds((ours, with_roma, videopose3d), args)
        print(f"{n:7d} {a:9.2f} {b:9.2f} {c:12.2f}   {b / a:9.2f}  {c / a:16.2f}")
