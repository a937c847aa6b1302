"The notebooks are the source of truth: everything made from them is in step with them, and all of them run"
import ast, csv, json, re, runpy, sys
import pandas as pd, papermill, pytest
from conftest import LESSONS, NOTEBOOKS, ROOT, check, copy
from xvae import regimes
from xvae.claims import swap_ratio
from xvae.experiments import job
from xvae.frames import TOLERANCE
from xvae.arms import MORE, Arm
from xvae.tasks.swaps import SWAP_UNITS

PARAMETERS = {"preset", "data", "motion", "data_root", "seeds", "device", "results_dir"}
WIDE = {"mpjpe", "pa_mpjpe", "w2", "top10", "distance", *SWAP_UNITS} # columns of tables that have a row for a run instead of one for each metric
notebooks = pytest.mark.parametrize("path", LESSONS + NOTEBOOKS, ids=lambda path: path.stem)
tables = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)

def files(folder, pattern):
    "Name and text of every file in `folder`"
    return {str(p.relative_to(folder)): p.read_text(encoding="utf-8") for p in folder.rglob(pattern) if ".ipynb_checkpoints" not in p.parts}

def differences(a, b):
    "Names of the files that are not the same in both"
    return sorted(name for name in a.keys() | b.keys() if a.get(name) != b.get(name))

def outputs(path):
    "All that the cells of a notebook show, but for pixels, as text"
    shown = [o for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] for o in cell.get("outputs", [])]
    return "\n".join("".join(text) for o in shown for kind, text in {"text": o.get("text", ""), **o.get("data", {})}.items()
                     if not kind.startswith("image/") or "svg" in kind)

def test_notebooks_exist(): assert LESSONS and NOTEBOOKS

def test_notebooks_are_clean(tmp_path):
    "`make export` would change nothing in a notebook"
    copy(tmp_path, "settings.ini", "nbs", "reproduce")
    check("nbdev_clean", cwd=tmp_path)
    check("nbdev_clean", "--fname", "reproduce", cwd=tmp_path)
    check(sys.executable, ROOT/"tools/clean.py", *tmp_path.glob("*/*.ipynb"))
    for name in "nbs", "reproduce": assert differences(files(tmp_path/name, "*.ipynb"), files(ROOT/name, "*.ipynb")) == []

def test_imports_have_cells_of_their_own():
    "nbdev's documentation runs cells with an import and no others; the example of the front page stays in one piece"
    def kinds(source):
        code = "\n".join("" if line.startswith(("%", "!")) else line for line in source.splitlines())
        return {isinstance(it, (ast.Import, ast.ImportFrom)) for it in ast.parse(code).body}
    cells = [(path.name, "".join(c["source"])) for path in sorted((ROOT/"nbs").glob("[0-9]*.ipynb")) for c in json.loads(path.read_text(encoding="utf-8"))["cells"] if c["cell_type"] == "code"]
    assert [(name, source) for name, source in cells if len(kinds(source)) == 2 and "nbdev_export" not in source] == []

def test_package_is_in_step(tmp_path):
    "xvae/ is what the notebooks export, no file more and none less"
    copy(tmp_path, "settings.ini", "nbs")
    check("nbdev_export", cwd=tmp_path)
    assert differences(files(tmp_path/"xvae", "*.py"), files(ROOT/"xvae", "*.py")) == []

def test_readme_is_in_step():
    "README.md is what nbs/index.ipynb renders to"
    assert (ROOT/"README.md").read_text(encoding="utf-8") == runpy.run_path(str(ROOT/"tools/readme.py"))["render"]()

def test_readme_links_lead_somewhere():
    links = re.findall(r'(?:\]\(|src=")(?![a-z]+:|#)([^)"#\s]+)', (ROOT/"README.md").read_text(encoding="utf-8"))
    assert [link for link in links if not (ROOT/link).exists()] == []

def test_pages_have_the_results():
    "Published numbers come from the stored files: all of Table 1 in the results and, but for the mean pose, in README.md"
    rows = [line for line in (ROOT/"results/table1.md").read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    page, readme = outputs(ROOT/"nbs/64_results.ipynb"), (ROOT/"README.md").read_text(encoding="utf-8")
    assert len(rows) >= 7 and [row for row in rows if row not in readme] == [row for row in rows if "Mean training pose" in row]
    assert [row for row in rows if row not in page] == []

def test_lessons_run():
    "`nbdev_test` passes, and it really ran every notebook: where it finds none it passes too"
    done = check("nbdev_test", "--n_workers", 2, "--do_print", cwd=ROOT)
    assert done.stdout.count("- Completed") == len(LESSONS), done.stdout

@notebooks
def test_outputs_are_fit_to_publish(path):
    "No path of somebody's machine, no time stamp, no warning, no error"
    nb, shown = json.loads(path.read_text(encoding="utf-8")), outputs(path)
    assert not any({"papermill", "execution"} & part["metadata"].keys() for part in (nb, *nb["cells"]))
    assert [o for c in nb["cells"] for o in c.get("outputs", []) if o["output_type"] == "error" or o.get("name") == "stderr"] == []
    assert re.findall(r"(?:(?<![\w.:/])/(?:home|root|tmp|work|Users|private|mnt|opt|usr|var)/|\b[A-Z]:\\).*|.*Warning:.*", shown) == []
    assert re.findall(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d.*", shown) == []

@tables
def test_parameters(path):
    "Every notebook in reproduce/ has the same parameters, in one cell tagged for papermill, and checks them in the next; those with methods of others ask for rows too"
    cells = [c for c in json.loads(path.read_text(encoding="utf-8"))["cells"] if c["cell_type"] == "code"]
    assert ["parameters" in c["metadata"].get("tags", []) for c in cells] == [True] + [False] * (len(cells) - 1)
    more = 'more=("rows",)' if path.stem in MORE else ""
    assert "".join(cells[1]["source"]) == f"from xvae.experiments import check_parameters; check_parameters({more})"
    assert set(papermill.inspect_notebook(path)) == PARAMETERS | ({"rows"} if path.stem in MORE else set())

def test_settings_are_what_the_search_found():
    "The tables of the laptop preset have what the rule finds in the committed searches, for every method and whatever the number of pairs"
    errors, swaps = (pd.read_csv(ROOT/f"results/{name}.csv") for name in ("search", "search_bounds"))
    searched = json.loads((ROOT/"results/regimes.json").read_text(encoding="utf-8"))
    found = regimes.settings_found(searched, regimes.one_setting(errors, swaps))
    stored, inside = (json.loads((ROOT/name).read_text(encoding="utf-8")) for name in ("results/found.json", "xvae/found.json"))
    assert stored == inside and found == {m: stored[m] for m in found}
    used = {m: Arm(m).run(job("laptop", device="cpu"), 0).settings for m in found}
    assert {"ours", "supervised_only", "martinez"} <= found.keys() and found == {m: {k: getattr(s, k) for k in found[m]} for m, s in used.items()}
    assert all(searched[arm]["0.1"] == searched[arm]["1.0"] for arm in ("paper", "supervised_only"))

def test_results_come_from_stored_runs():
    "Every number of a committed table is the metric of a run that is there, or was computed from its model and is kept beside it"
    tables = [table for table in sorted((ROOT/"results").rglob("*.csv")) if "runs" not in table.parts and table.stem not in ("again", "claims", "reliability", "benchmarks")]
    rows = [row for table in tables for row in csv.DictReader(table.open())]
    assert rows
    for row in rows:
        place = ROOT/"results/runs"/row["run_id"]
        run = json.loads((place/"run.json").read_text(encoding="utf-8"))
        known = [run["metrics"], *(json.loads(p.read_text(encoding="utf-8")) for p in place.glob("*.json") if p.name != "run.json")]
        stored = {k: v for numbers in known for k, v in numbers.items()}
        if "metric" in row: assert float(row["value"]) in [round(numbers[row["metric"]], 4) for numbers in known if row["metric"] in numbers]
        else: assert all(float(row[k]) == pytest.approx(stored.get(f"{row.get('people')} {k}", stored.get(k))) for k in WIDE & row.keys() if row[k])
        if row.get("swap_ratio"): assert float(row["swap_ratio"]) == pytest.approx(swap_ratio(*(stored[f"{row['people']} pose_{k}"] for k in ("to_a", "to_b", "own"))), abs=1e-6)
        assert run["seed"] == int(row["seed"]) and ("method" not in row or run["method"] == row["method"])
        if "motion" in row: assert run["settings"].get("motion", "") == row["motion"]

def test_trained_again_beside_what_is_stored():
    "What `make again` compared are the stored runs' numbers"
    tables = list((ROOT/"results").glob("**/again.csv"))
    if not tables: pytest.skip("nobody has run `make again` at full size")
    for table in tables:
        for row in csv.DictReader(table.open()):
            stored = json.loads((ROOT/"results/runs"/row["run_id"]/"run.json").read_text(encoding="utf-8"))
            assert float(row["stored"]) == round(stored["metrics"][row["metric"]], 4) and row["holds"] == str(abs(float(row["again"]) - float(row["stored"])) <= TOLERANCE * float(row["stored"]))

def test_regimes_are_what_the_search_found():
    "The settings that swaps.ipynb takes are those that the rule finds in the committed search"
    frame, errors = (pd.read_csv(ROOT/f"results/{name}.csv") for name in ("search_swaps", "search_others"))
    assert json.loads((ROOT/"results/regimes.json").read_text(encoding="utf-8")) == regimes.best(frame) | regimes.lowest(errors)
