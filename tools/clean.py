"Take progress bars out of notebooks, which a page shows as they began, and what a browser keeps of them"
import json, sys
from pathlib import Path

VIEW = "application/vnd.jupyter.widget-view+json"

def cleaned(nb):
    "A notebook without widgets in its outputs"
    for c in nb["cells"]:
        if "outputs" in c: c["outputs"] = [o for o in c["outputs"] if VIEW not in o.get("data", {})]
    nb["metadata"].pop("widgets", None)
    return nb

if __name__ == "__main__":
    for path in map(Path, sys.argv[1:]):
        text = path.read_text(encoding="utf-8")
        if (new := json.dumps(cleaned(json.loads(text)), indent=1, ensure_ascii=False) + "\n") != text: path.write_text(new, encoding="utf-8")
