"""The project as a website, from its notebooks as they are: python tools/pages.py [FOLDER], which is _site if none is named

Nothing is run: pages show the outputs that git keeps. Formulas, search and dark mode work without a network.
"""
import importlib, inspect, json, os, re, shutil, subprocess, sys
from dataclasses import is_dataclass
from pathlib import Path
from fastcore.docments import docments
import explorer

ROOT = Path(__file__).parent.parent
OUT = Path(sys.argv[1]).absolute() if __name__ == "__main__" and len(sys.argv) > 1 else ROOT/"_site"
SOURCE, HTML = OUT/"source", OUT/"html"
GROUPS = {"The method": range(0, 10), "Data": range(10, 35), "Tasks": range(35, 50), "Runs and verdicts": range(50, 60), "For you": range(60, 70), "Methods of others": range(70, 80), "Speed": range(90, 100)}
CONF = '''
project, author, html_title = "xvae", "The xvae authors", "xvae"
extensions = ["myst_nb", "sphinx-mathjax-offline"]
myst_enable_extensions = ["dollarmath", "linkify"]
myst_heading_anchors = 4
html_copy_source, html_favicon = False, "examples/person.png"
myst_heading_slug_func = "pages.slug"
myst_update_mathjax = False
nb_execution_mode = "off"
nb_merge_streams = True
nb_render_markdown_format = "gfm"
html_theme, html_context = "sphinx_book_theme", dict(default_mode="auto")
html_theme_options = dict(show_navbar_depth=1, use_download_button=False, home_page_in_toc=True)
html_static_path, html_css_files = ["static"], ["wide.css"]
exclude_patterns, source_suffix = ["static"], {".md": "myst-nb", ".ipynb": "myst-nb"}
suppress_warnings = ["myst.header", "mystnb.unknown_mime_type", "misc.highlighting_failure"]
'''
CSS = "div.cell_input pre, div.highlight pre { white-space: pre-wrap; }\ntable.docutils { font-size: 85%; }\nhtml[data-theme=dark] img { background: #ddd; }\n"

def source_of(c): return "".join(c["source"])

def slug(title):
    "What JupyterLab calls a heading"
    return title.strip().replace(" ", "-")

def as_page(nb):
    "A notebook without hidden cells, and without directives in those that stay"
    cells = []
    for c in nb["cells"]:
        text = source_of(c)
        if c["cell_type"] == "code" and re.search(r"^#\| *(hide|default_exp)\b", text, re.M): continue
        if c["cell_type"] == "code":
            if re.search(r"^#\| *echo: *false", text, re.M): c["metadata"] = {"tags": ["remove-input"]}
            text = re.sub(r"^#\|.*\n?", "", text, flags=re.M).strip()
        cells.append(c | dict(source=text))
    return nb | dict(cells=cells)

def copy_notebooks():
    "Pages of nbs/ and reproduce/"
    titles = []
    for folder in "nbs", "reproduce":
        (SOURCE/folder).mkdir(parents=True)
        for path in sorted((ROOT/folder).glob("*.ipynb")):
            if path.stem == "index": continue
            nb = json.loads(path.read_text(encoding="utf-8"))
            titles.append(f"{folder}/{path.stem}")
            (SOURCE/folder/path.name).write_text(json.dumps(as_page(nb)), encoding="utf-8")
    return titles

def copy_others(titles):
    "Whatever pages link to or show, beside them"
    for path in [*(ROOT/"results").rglob("*.png"), *(ROOT/"results").rglob("*.csv"), ROOT/"LICENSE", ROOT/"CITATION.cff"]:
        if "runs" in path.parts: continue
        (to := SOURCE/path.relative_to(ROOT)).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, to)
    shutil.copytree(ROOT/"examples", SOURCE/"examples", ignore=shutil.ignore_patterns("__pycache__"))

def cell(it): return " ".join(str(it).split()).replace("|", r"\|").replace("$", r"\$")

def kind(annotation): return "" if annotation is inspect.Parameter.empty else getattr(annotation, "__name__", str(annotation))

def entry(name, it):
    "A function or class as Markdown: signature, sentence, parameters"
    its = docments(it, full=True) if inspect.isfunction(it) or is_dataclass(it) else {}
    try: parameters = inspect.signature(it).parameters.values()
    except (TypeError, ValueError): parameters = []
    signature = f"{name}({', '.join(str(p.replace(annotation=p.empty)) for p in parameters)})"
    rows = [f"| `{k}` | {cell(kind(v.anno))} | {cell(v.docment or '')} |" for k, v in its.items() if k != "self" and (k != "return" or v.docment)]
    table = ["| parameter | type | |", "|---|---|---|", *rows, ""] if rows else []
    return "\n".join([f"## {name}", "", "```python", signature, "```", "", inspect.getdoc(it) if it.__doc__ else "", "", *table])

def api(modules):
    "A page for each module, what it exports, and a page of them all"
    (SOURCE/"api").mkdir()
    index = ["# Functions and classes", ""]
    for name in modules:
        module = importlib.import_module(name)
        its = {k: getattr(module, k) for k in getattr(module, "__all__", [])}
        ours = {k: v for k, v in its.items() if (inspect.isfunction(v) or inspect.isclass(v)) and v.__module__.startswith("xvae")}
        about = (module.__doc__ or "").strip().replace("](", "](../nbs/")
        notebook = re.search(r"File to edit: (?:\.\./)+(nbs/\S+\.ipynb)", Path(module.__file__).read_text(encoding="utf-8"))[1]
        text = f"# {name}\n\n{about}\n\nWritten in [{notebook}](../{notebook}).\n\n" + "\n".join(entry(k, v) for k, v in ours.items())
        (SOURCE/"api"/f"{name}.md").write_text(text, encoding="utf-8")
        index += [f"**[{name}]({name}.md)**: {about}", "", ", ".join(f"[{k}]({name}.md#{k})" for k in ours), ""]
    (SOURCE/"api/index.md").write_text("\n".join(index) + "\n" + tree("", modules), encoding="utf-8")

def tree(caption, pages): return "\n".join(["```{toctree}", *([f":caption: {caption}"] if caption else []), ":maxdepth: 1", ":hidden:", "", *pages, "```", ""])

def front(titles, modules):
    "README, and all pages in their order"
    number = lambda name: int(re.match(r"nbs/(\d+)", name)[1]) if re.match(r"nbs/\d", name) else None
    results = ["reproduce/map", "nbs/64_results", "explorer", *(n for n in titles if n.startswith("reproduce/") and n != "reproduce/map")]
    groups = {"Results": results} | {k: [n for n in titles if number(n) in its and n != "nbs/64_results"] for k, its in GROUPS.items()}
    groups["Reference"] = ["summary", "checklist", "limits", "api/index"]
    readme = (ROOT/"README.md").read_text(encoding="utf-8")
    (SOURCE/"index.md").write_text(readme + "\n" + "\n".join(tree(k, its) for k, its in groups.items()), encoding="utf-8")

def main():
    shutil.rmtree(OUT, ignore_errors=True)
    titles = copy_notebooks()
    copy_others(titles)
    modules = sorted(".".join(p.relative_to(ROOT).with_suffix("").parts) for p in (ROOT/"xvae").rglob("*.py") if p.name[0] != "_")
    api(modules)
    for page in sorted((ROOT/"pages").glob("*.md")): shutil.copy(page, SOURCE/page.name)
    front(titles, modules)
    (SOURCE/"conf.py").write_text(CONF, encoding="utf-8")
    shutil.copytree(ROOT/"pages/explorer", SOURCE/"static")
    (SOURCE/"static/wide.css").write_text(CSS, encoding="utf-8")
    explorer.write(SOURCE/"static")
    done = subprocess.run([sys.executable, "-m", "sphinx", "-b", "html", "-q", "-W", "--keep-going", str(SOURCE), str(HTML)], env=os.environ | dict(PYTHONPATH=str(ROOT/"tools")))
    if done.returncode: sys.exit("the site has broken links or pages, see above")
    print(f"{HTML}/index.html: {len(list(HTML.rglob('*.html')))} pages")

if __name__ == "__main__": main()
