"Render README.md from nbs/index.ipynb (`make readme`)"
import os, re
from pathlib import Path
import nbformat
from nbconvert import MarkdownExporter
from nbconvert.preprocessors import Preprocessor
from traitlets.config import Config

ROOT = Path(__file__).parent.parent
TEMPLATE = """{% extends 'markdown/index.md.j2' %}
{% block input %}
```python
{{ cell.source }}
```
{% endblock %}
{% block stream %}
```
{{ output.text | trim }}
```
{% endblock %}
{% block data_text scoped %}
```
{{ output.data['text/plain'] }}
```
{% endblock %}"""

def from_root(text):
    "`text` with its relative links, which start in nbs/, made to start in the project's root"
    return re.sub(r'(\]\(|src=")(?![a-z]+:|#|/)([^)"\s]+)', lambda m: m[1] + os.path.normpath(f"nbs/{m[2]}"), text)

class Readme(Preprocessor):
    "Drop cells marked `#| hide`, the code of those marked `#| echo: false`, and all directives"
    def preprocess(self, nb, resources):
        nb.cells = [self.cell(c) for c in nb.cells if not re.search(r"^#\| *hide\b", c.source, re.M)]
        return nb, resources

    def cell(self, c):
        if c.cell_type == "markdown": c.source = from_root(c.source)
        if c.cell_type != "code": return c
        c.metadata.transient = {"remove_source": bool(re.search(r"^#\| *echo: *false", c.source, re.M))}
        c.source = re.sub(r"^#\|.*\n?", "", c.source, flags=re.M).strip()
        for data in (o.data for o in c.outputs if "data" in o):
            if "text/markdown" in data: data["text/markdown"] = from_root(data["text/markdown"])
            elif any(kind.startswith("image/") for kind in data):
                raise ValueError("nbs/index.ipynb shows a picture: save it under results/ and link it, as README.md holds no pictures")
        return c

def render(path=ROOT/"nbs/index.ipynb"):
    "The notebook at `path` as GitHub Markdown"
    config = Config(NbConvertBase=dict(display_data_priority=["text/markdown", "text/plain"]))
    exporter = MarkdownExporter(config=config, raw_template=TEMPLATE, preprocessors=[Readme])
    text, _ = exporter.from_notebook_node(nbformat.read(path, 4))
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"

if __name__ == "__main__": (ROOT/"README.md").write_text(render(), encoding="utf-8")
