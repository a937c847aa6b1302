"Every notebook in reproduce/ runs from its parameters to its files, wherever it is started, and refuses what it does not know"
import csv, os, subprocess, sys
from dataclasses import replace
from functools import cache
import pytest
from conftest import NOTEBOOKS, ROOT, run
from xvae import arms
from xvae.data.fixtures import write_fixture
from xvae.experiments import do_run, job, save_run

COLUMNS = "method metric seed value unit data preset run_id".split()
SWAPS = """arm supervision people seed pa_mpjpe mpjpe pose_to_a pose_to_b iou_a iou_b iou_chance tint_own tint_a tint_b pose_zs_sample pose_zt
    held of data preset run_id""".split()
MAP = "arm price_s picture_weight pairs seed mpjpe pa_mpjpe w2 top10 swap_ratio failed data preset run_id".split()
OTHER_COLUMNS = dict(claims="claim kind part data paper_effect effect low high n_seeds n_failed verdict".split(), swaps=SWAPS, search_swaps=SWAPS, map=MAP,
    footing="method search trial supervision settings mpjpe pa_mpjpe data motion preset run_id".split())
FIG2 = COLUMNS + ["ratio", "td"]
TABLE1 = ROOT/"reproduce/table1.ipynb"

def papermill(*args, cwd=ROOT, **parameters):
    "Run papermill with these parameters, in a terminal, with its output piped on"
    parameters, (terminal, stdin) = {"preset": "smoke", **parameters}, os.openpty()
    try: return run("papermill", *args, *(x for p in parameters.items() for x in ("-p", *p)), cwd=cwd, stdin=stdin)
    finally: os.close(terminal), os.close(stdin)

def files(folder, *kinds): return {str(p.relative_to(folder)): p.read_bytes() for p in folder.glob("**/*.*") if p.suffix in (kinds or (".csv", ".md"))}

@pytest.fixture(scope="module")
def run_once(tmp_path_factory):
    "The folder of the results that a notebook wrote when started from the project's root, once for all tests"
    @cache
    def results_of(path):
        folder = tmp_path_factory.mktemp(path.stem)
        done = papermill(path, folder/"out.ipynb", results_dir=folder/"results")
        assert done.returncode == 0, done.stderr
        return folder/"results"
    return results_of

@pytest.fixture(scope="module", params=NOTEBOOKS, ids=lambda path: path.stem)
def ran(request, run_once): return request.param, run_once(request.param)

def test_writes_results(ran):
    "A CSV and the table rendered from it"
    path, results = ran
    rows = list(csv.DictReader((results/f"{path.stem}.csv").open()))
    columns = OTHER_COLUMNS.get(path.stem, FIG2 if path.stem in ("fig2", "fig3") else COLUMNS)
    assert rows and set(columns) <= rows[0].keys() and {row.get("preset", "smoke") for row in rows} == {"smoke"}
    assert (results/f"{path.stem}.md").read_text(encoding="utf-8").count("|") > 10

def test_figures_are_for_print_and_web(ran):
    "Each PNG has its SVG; every notebook of a figure writes one"
    path, results = ran
    png, svg = ({p.stem for p in results.glob(f"*.{kind}")} for kind in ("png", "svg"))
    assert png == svg and (not path.stem.startswith("fig") or any(name.startswith(path.stem) for name in png))

def test_rebuilds_from_the_store(ran):
    "Started again, from its own folder, with no output notebook and without weights, it trains nothing and writes the same, figures too"
    path, results = ran
    for weights in results.rglob("model.safetensors"): weights.unlink()
    kinds = ".csv", ".md", ".png", ".svg", ".json"
    before, stored = files(results, *kinds), {p: p.stat().st_mtime_ns for p in results.rglob("run.json")}
    done = papermill(path.name, cwd=path.parent, results_dir=results)
    assert done.returncode == 0, done.stderr
    assert files(results, *kinds) == before and {p: p.stat().st_mtime_ns for p in results.rglob("run.json")} == stored

def test_same_results_again(run_once, tmp_path):
    "Trained twice, Table 1 is the same to the last digit"
    done = papermill(TABLE1, "-", results_dir=tmp_path)
    assert done.returncode == 0, done.stderr
    assert files(tmp_path) == files(run_once(TABLE1))

def test_again(tmp_path):
    "`make again` finds what has changed, and says what is not stored"
    again = lambda: subprocess.run([sys.executable, ROOT/"tools/again.py", "-p", "preset", "smoke", "-p", "results_dir", tmp_path], text=True, capture_output=True)
    assert "no run of Table 1 is stored there" in again().stderr
    j = job("smoke", device="cpu", results_dir=tmp_path)
    run = do_run(arms.Arm("mean_pose").run(j, 0), j)
    done = again()
    assert "mean_pose 10% seed 0, aign 10% seed 0" in done.stdout and "1 runs trained anew, 2 errors, 0 further" in done.stdout, done.stderr
    assert done.returncode and "rows were not compared" in done.stderr
    save_run(tmp_path, replace(run, metrics=run.metrics | dict(mpjpe=1.1 * run.metrics["mpjpe"])), [], None)
    done = again()
    assert done.returncode and "1 further than 5%" in done.stdout and "mpjpe" in done.stderr.splitlines()[-1]

def refused(path, told, tmp_path, **parameters):
    "It fails with a line that holds `told`, and leaves nothing behind"
    done = papermill(path, "-", results_dir=tmp_path/"results", **parameters)
    last = done.stderr.strip().splitlines()[-1]
    assert done.returncode != 0 and told in last, done.stderr
    assert not [p for p in tmp_path.rglob("*") if p.is_file()]

@pytest.mark.parametrize("path", [TABLE1, ROOT/"reproduce/fig6.ipynb"], ids=lambda path: path.stem)
def test_refuses_unknown_parameters(path, tmp_path): refused(path, "results_dir", tmp_path, prest="laptop") # test_project.py looks that all ask

@pytest.mark.parametrize("told, wrong", [
    ("laptop", dict(preset="huge")),
    ("rendered", dict(data="photos")),
    ("procedural", dict(motion="dance")),
    ("nowhere", dict(motion="cmu", data_root="nowhere")),
    ("tpu9", dict(device="tpu9")),
], ids=lambda x: x if isinstance(x, str) else "_".join(x))
def test_refuses_unknown_values(told, wrong, tmp_path): refused(TABLE1, told, tmp_path, **wrong)

@pytest.mark.parametrize("form", ["human36m", "human36m_mmpose"])
def test_own_data(form, tmp_path):
    "Table 1 on a user's own files, made up in the form of the licensed ones"
    for name in (form, "lsp", "cmu"): write_fixture(name, tmp_path/"data")
    (tmp_path/"data"/form).rename(tmp_path/"data/human36m")
    done = papermill(TABLE1, tmp_path/"out.ipynb", data="human36m", data_root=tmp_path/"data", results_dir=tmp_path/"results")
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader((tmp_path/"results/human36m/table1.csv").open()))
    assert {row["data"] for row in rows} == {"human36m"} and {row["method"] for row in rows} == {"mean_pose", "chen_ramanan", "martinez", "supervised_only", "ours"}

def test_all_of_them():
    "`make reproduce` does every notebook but the searches, which were done before, and takes only what all of them understand"
    assert set(arms.NOTEBOOKS) == {path.stem for path in NOTEBOOKS} - {"search", "search_swaps", "search_sketches", "lengths", "footing"}
    done = subprocess.run([sys.executable, ROOT/"tools/reproduce.py", "-p", "data", "openmoji"], text=True, capture_output=True)
    assert done.returncode and "parameter data: all notebooks share preset, seeds, device, results_dir" in done.stderr
    done = subprocess.run([sys.executable, ROOT/"tools/reproduce.py", "--executor", "pbs"], text=True, capture_output=True)
    assert done.returncode and "expected slurm or local" in done.stderr
