"A task that is defined in a notebook gets training, store, tables and verdicts for nothing"
import json
import nbformat, papermill
from conftest import ROOT

CELLS = ['''
from dataclasses import dataclass, replace
import torch
from xvae import CrossModalVAE, SourceVAE, TargetVAE, mlp, tensor_pairs, tensor_targets
from xvae.claims import Claim, Part, against, verdicts
from xvae.experiments import own_job
from xvae.arms import Arm
from xvae.frames import summary, table_runs, tidy
from xvae.task import Feed, Settings, Task, register''', '''
@dataclass(frozen=True)
class ShadowSettings(Settings):
    data:str = "shadows"
    fraction:float = 1.0
    sigma_x:float = 0.3
    sigma_y:float = 0.3
    steps:int = 300

def load(s, data_root=None): return torch.randn(400, 6, generator=torch.Generator().manual_seed(0)).split(200)

def feed(s, data, seed, device):
    x = data[0].to(device)
    n = round(s.fraction * len(x))
    return Feed(tensor_pairs(x[:n], x[:n, :4], s.batch), n, tensor_targets(x[n:, :4], s.target_batch) if n < len(x) else None, len(x) - n)

def build(s): return CrossModalVAE(SourceVAE(mlp(6, 32), mlp(2 * s.d_latent, 32, 6), 32, s.d_latent, s.d_latent), TargetVAE(mlp(4, 32), mlp(s.d_latent, 32, 4), 32, s.d_latent))
def score(model, data, s): return dict(rmse=(model.translate(data[1]) - data[1][:, :4]).pow(2).mean().sqrt().item())
def nobody(s, data, seed, device): return dict(rmse=data[1][:, :4].pow(2).mean().sqrt().item())

task = register(Task("shadows", ShadowSettings, load, feed, build, score, dict(rmse=""), baselines=dict(nobody=nobody),
    methods=dict(ours=lambda s: s, supervised_only=lambda s: replace(s, vae_x=0.0, vae_y=0.0, cross=0.0))))''', '''
j = own_job(ShadowSettings(), results_dir, seeds="0,1,2", device="cpu")
arms = [Arm("ours"), Arm("ours", 0.1), Arm("supervised_only", 0.1), Arm("nobody")]
runs = table_runs(arms, j)
frame = tidy(runs, j)
claim = Claim("X", "It learns something", "here", (Part("RMSE against nobody's", against(Arm("ours"), Arm("nobody"), "rmse"), {}, {}),))
verdict = verdicts([frame], (claim,)).verdict[0]
again = table_runs(arms, j)
print(len(frame), [r.id for r in again] == [r.id for r in runs], verdict, summary(frame, metrics=("rmse",)).shape)''']

def test_a_task_of_ones_own(tmp_path):
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("results_dir = ''", metadata=dict(tags=["parameters"])), *map(nbformat.v4.new_code_cell, CELLS)],
        metadata=dict(kernelspec=dict(name="python3", display_name="python3", language="python")))
    nbformat.write(nb, tmp_path/"own.ipynb")
    done = papermill.execute_notebook(tmp_path/"own.ipynb", tmp_path/"done.ipynb", dict(results_dir=str(tmp_path/"results")), progress_bar=False, cwd=ROOT)
    said = "".join(o.text for o in done.cells[-1].outputs if o.get("name") == "stdout").split()
    assert said[:2] == ["12", "True"] and "reproduced" in " ".join(said)
    stored = [json.loads(p.read_text(encoding="utf-8")) for p in (tmp_path/"results/runs").glob("*/run.json")]
    assert len(stored) == 12 and {s["settings"]["data"] for s in stored} == {"shadows"}
