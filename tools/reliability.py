"results/reliability.csv: what was tried, how often, how often it failed, by which command"
import csv
from pathlib import Path

ROOT = Path(__file__).parent.parent
TABLE, COLUMNS = ROOT/"results/reliability.csv", ("what", "n", "failed", "command")

def note(what, n, failed, command):
    "A row, in the place of an older one of the same thing"
    rows = list(csv.DictReader(TABLE.open(encoding="utf-8"))) if TABLE.exists() else []
    rows = sorted([r for r in rows if r["what"] != what] + [dict(what=what, n=n, failed=failed, command=command)], key=lambda r: r["what"])
    with TABLE.open("w", encoding="utf-8", newline="") as f:
        table = csv.DictWriter(f, COLUMNS, lineterminator="\n"); table.writeheader(); table.writerows(rows)
    print(f"{what}: {failed} of {n} failed")
