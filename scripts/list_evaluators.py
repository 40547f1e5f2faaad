"""The table of evaluators and environments in docs/evaluators/README.md.

    python scripts/list_evaluators.py

Writes it between two marks in that file, from the evaluators' own scopes, so that it
says what the code obeys.
"""

from pathlib import Path

from mesagym.evals.columns import spoken
from mesagym.evals.evaluators import EVALUATORS
from mesagym.evals.examine import matrix
from mesagym.registry import environment_class, table

PAGE = Path(__file__).parent.parent / "docs" / "evaluators" / "README.md"
BEGIN, END = "<!-- scopes -->", "<!-- end of scopes -->"


def scopes() -> str:
    """Return both tables as Markdown: the questions, and the scopes."""
    names = {entry.config: name for name, entry in table().items()}
    environments = {short: environment_class(name)() for short, name in names.items()}
    found = matrix(environments)
    lines = ["| evaluator | asks | its null | after |", "|---|---|---|---|"]
    for name, each in EVALUATORS.items():
        page = f"[{spoken(name)}]({name}.md)"
        lines.append(f"| {page} | {each.question} | {each.null} | {each.source} |")
    header = ["", *(spoken(name) for name in found)]
    lines += ["", f"| {' | '.join(header)} |", f"|{'---|' * len(header)}"]
    for env in environments:
        cells = [found[name][env].how.replace("not applicable", "–") for name in found]
        lines.append(f"| `{env}` | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Write the tables into the page."""
    text = PAGE.read_text("utf-8")
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    PAGE.write_text(f"{before}{BEGIN}\n{scopes()}\n{END}{after}", "utf-8")


if __name__ == "__main__":
    main()
