"""Times the steps of Algorithm 1 against the bare passes of their networks: python benchmarks/steps.py [device [preset ...]]

Writes benchmarks/steps.csv, a row for each preset and device; rows of other devices stay."""
import platform, statistics, sys, time
from pathlib import Path

import pandas as pd, torch

root = Path(__file__).parent.parent
sys.path.insert(0, str(root))
from xvae.data.records import PoseSet
from xvae.experiments import PRESETS, choose_device, cost, hours
from xvae.tasks.pose import PoseModel, network_target, pose_extra, pose_pairs
from xvae.training import adam, joint_loss, target_loss, tensor_targets, update

def noise_people(n, size):
    "Pictures of noise and random joints, as many as a few batches have"
    whole, rows = lambda *shape: torch.randint(2, (n, *shape), dtype=torch.uint8), [torch.zeros(n, dtype=torch.int64) for _ in range(4)]
    return PoseSet(255 * whole(3, size, size), whole(size, size), 300 * torch.randn(n, 17, 3), torch.rand(n, 17, 2), torch.ones(n, 17), *rows, torch.zeros(n, 0))

def bare_passes(model, batch):
    "Forward and backward through the networks as often as Eq. 7 does, and nothing else: no codes drawn, no losses, no Adam"
    x, y = model.vae_x, model.vae_y
    z_t, z_s = x.head_t(features := x.encoder(batch.x))[:, ::2], x.head_s(features)[:, ::2]
    w_t, n = y.head(y.encoder(batch.y))[:, ::2], len(batch.y)
    out = x.decode(z_t[:n], z_s[:n]), x.decode(w_t, z_s[:n]), y.decode(w_t), y.decode(z_t)
    sum(o.float().sum() for o in out).backward()

def milliseconds(functions, wait, rounds, at_once=5):
    "Median time of each function, the functions taking turns; a few calls at once, as in training, where nothing waits for the device"
    times = {name: [] for name in functions}
    for _ in range(rounds + 2):
        for name, f in functions.items():
            wait(); start = time.perf_counter()
            for _ in range(at_once): f()
            wait(); times[name].append(1000 * (time.perf_counter() - start) / at_once)
    return {name: statistics.median(t[2:]) for name, t in times.items()}

def measure(preset, device, rounds=12):
    "A row of the table"
    s, cuda = PRESETS["pose"][preset], device.startswith("cuda")
    model, precision, extra = PoseModel(s).to(device).train(), torch.autocast(torch.device(device).type, torch.bfloat16, enabled=s.bf16), pose_extra(s)
    optimizer, w, people = adam(model), s.weights(), noise_people(4 * s.batch, s.image_size)
    pairs, targets = pose_pairs(people, people, s, device), tensor_targets(network_target(people.joints, device), s.target_batch)
    batch = pairs()
    def bare():
        with precision: bare_passes(model, batch)
        model.zero_grad(set_to_none=True)
    def joint(b):
        with precision: terms = joint_loss(model, b, w, extra)
        update(optimizer, terms)
    def target():
        with precision: terms = target_loss(model, targets(), w)
        update(optimizer, terms)
    if cuda: torch.cuda.reset_peak_memory_stats()
    t = milliseconds({"bare passes": bare, "joint step": lambda: joint(batch), "with its batch": lambda: joint(pairs()), "target step": target},
        getattr(torch, torch.device(device).type).synchronize, rounds)
    c = cost(s)
    return {"preset": preset, "device": torch.cuda.get_device_name(device) if cuda else platform.machine(), "threads": torch.get_num_threads(),
        "torch": torch.__version__, "bf16": s.bf16} | {f"{k} (ms)": round(v, 2) for k, v in t.items()} | {
        "joint step / bare passes": round(t["joint step"] / t["bare passes"], 2), "with its batch / bare passes": round(t["with its batch"] / t["bare passes"], 2),
        "TFLOP/s": round(c["gflop_per_step"] / t["joint step"], 2), "memory (GB)": round(torch.cuda.max_memory_allocated() / 1e9, 2) if cuda else None,
        "memory, computed (GB)": round(c["memory_gb"], 2), "run (h)": round(hours(s, t["with its batch"], t["target step"]), 2)}

if __name__ == "__main__":
    device, presets = choose_device(*sys.argv[1:2]), sys.argv[2:] or ["laptop", "paper"]
    rows, path = pd.DataFrame([measure(p, device) for p in presets]), root / "benchmarks" / "steps.csv"
    print(rows.T.to_string(header=False))
    if path.exists():
        old, key = pd.read_csv(path), ["preset", "device"]
        rows = pd.concat([old[~old.set_index(key).index.isin(rows.set_index(key).index)], rows])
    rows.sort_values(["preset", "device"]).to_csv(path, index=False, lineterminator="\n")
