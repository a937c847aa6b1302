"""What the explorer of the website reads: decoders with BatchNorm folded in, and some people's codes, as JavaScript

    python tools/explorer.py FOLDER
"""
import base64, json, sys
from pathlib import Path
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval
from xvae.arms import Arm
from xvae.data.skeletons import PARENTS
from xvae.experiments import job, load_model
from xvae.io import write_text
from xvae.regimes import found, large
from xvae.tasks.pose_latents import load_strangers

PEOPLE = 8
SHOWN = dict(
    large=("the setting found, 64 pixels", large("same person")),
    found=("the setting found, 32 pixels", found("same person")),
    ours=("the paper's losses, 32 pixels", Arm("ours")),
    without=("without L_cross, 32 pixels", Arm("without_cross"))) # name: (what it is, arm)

def layers_of(decoder):
    "Layers that have weights, BatchNorm folded in, and what comes after each of them"
    its, layers = [m for m in decoder.modules() if not list(m.children())], []
    for m in its:
        if isinstance(m, (nn.Conv2d, nn.Linear)):
            layers.append([m, dict(kind="linear" if isinstance(m, nn.Linear) else "conv", out=m.weight.shape[0], slope=None, up=False, size=0) | {"in": m.weight.shape[1]}])
        elif isinstance(m, nn.BatchNorm1d): layers[-1][0] = fuse_linear_bn_eval(layers[-1][0], m)
        elif isinstance(m, nn.BatchNorm2d): layers[-1][0] = fuse_conv_bn_eval(layers[-1][0], m)
        elif isinstance(m, nn.ReLU): layers[-1][1]["slope"] = 0
        elif isinstance(m, nn.LeakyReLU): layers[-1][1]["slope"] = m.negative_slope
        elif isinstance(m, nn.Unflatten): layers[-1][1]["size"] = m.unflattened_size[-1]
        elif isinstance(m, nn.Upsample): layers[-1][1]["up"] = True
        elif not isinstance(m, nn.Flatten): raise TypeError(f"{m}: the explorer has no such layer")
    return layers

def text_of(tensors, kind): return base64.b64encode(torch.cat([t.detach().flatten() for t in tensors]).to(kind).numpy().tobytes()).decode()

@torch.no_grad()
def described(model, people):
    "A model and the codes of some people"
    x = model.look(people)
    q_t, q_s = model.vae_x.encode(x)
    raw = dict(size=x.shape[-1], d_t=q_t.mean.shape[1], d_s=q_s.mean.shape[1], grey=float(model.colours(torch.zeros(1))), parents=list(PARENTS))
    for name, decoder in dict(picture=model.vae_x.decoder, pose=model.vae_y.decoder).items():
        layers = layers_of(decoder)
        raw |= {name: [about for _, about in layers], f"{name}_weights": text_of([t for m, _ in layers for t in (m.weight, m.bias)], torch.float16)}
    rounded = lambda t, digits: [[round(v, digits) for v in row] for row in t.flatten(1).tolist()]
    pictures = (255 * model.colours(model.vae_x.drawn(x))).round()
    return raw | dict(people=dict(z_t=rounded(q_t.mean, 4), z_s=rounded(q_s.mean, 4), joints=rounded(people.joints - people.joints[:, :1], 1), pictures=text_of([pictures], torch.uint8)))

def write(folder):
    "A script for each model, and one with their names"
    j = job("laptop", device="cpu")
    for name, (_, arm) in SHOWN.items():
        run = arm.run(j, 0)
        people = load_strangers(run.settings)
        some = people[torch.randperm(len(people), generator=torch.Generator().manual_seed(0))[:PEOPLE]]
        write_text(Path(folder)/f"explorer_{name}.js", f"explorer.models.{name} = {json.dumps(described(load_model(j.results, run), some))}\n")
    write_text(Path(folder)/"explorer_names.js", f"explorer.names = {json.dumps({k: v[0] for k, v in SHOWN.items()})}\n")

if __name__ == "__main__": write(sys.argv[1])
