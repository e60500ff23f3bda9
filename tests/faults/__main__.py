"""Run the campaign, two draws at a time, and print the table."""

import argparse
import concurrent.futures
import multiprocessing
import os
import sys
from collections import Counter

from tqdm import tqdm

import faults

HEADS = ("fault", "draws", "survived", "lost", "what must hold")


def main() -> None:
    """Run the campaign; fail if anything was lost."""
    parser = argparse.ArgumentParser(description=faults.__doc__.partition("\n")[0])
    parser.add_argument("modules", nargs="*", help="of this folder; all by default")
    parser.add_argument("--seed", type=int, default=faults.SEED, help="of all draws")
    given = parser.parse_args()
    # The jobs of two draws share the cores.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    chosen = faults.all_faults(*given.modules)
    draws = [(fault.title, number) for fault in chosen for number in range(fault.draws)]
    done, lost, reasons = Counter(), Counter(), {}
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(2, context) as pool:
        jobs = {
            pool.submit(faults.alone, *draw, given.seed, tuple(given.modules)): draw
            for draw in draws
        }
        # Shown in a file, too: the campaign takes half an hour.
        over = tqdm(concurrent.futures.as_completed(jobs), "draws", len(jobs), mininterval=20)
        for job in over:
            title, _ = jobs[job]
            try:
                why = job.result()
            except faults.NotHere as error:
                reasons[title] = str(error)
                continue
            done[title] += 1
            if why:
                lost[title] += 1
                print(why, file=sys.stderr)
    print(table(chosen, done, lost, reasons))
    if lost:
        sys.exit(f"error: {lost.total()} of {done.total()} draws were lost; see above")


def table(
    chosen: list[faults.Fault], done: Counter[str], lost: Counter[str], reasons: dict[str, str]
) -> str:
    """Return the outcome as a table in Markdown."""
    rows = [HEADS, ("---", "---:", "---:", "---:", "---")]
    for title, outcome in [*((each.title, each.outcome) for each in chosen), ("**all**", "")]:
        draws, without = (
            count.total() if title == "**all**" else count[title] for count in (done, lost)
        )
        means = f"not done here: {reasons[title]}" if title in reasons else outcome
        rows.append((title, f"{draws:,}", f"{draws - without:,}", f"{without:,}", means))
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


if __name__ == "__main__":
    main()
