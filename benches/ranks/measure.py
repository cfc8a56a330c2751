"""Times of several ranks: the exchange of gradients, training steps, and a network of a known rate.

    cargo build --release && cargo bench --bench ranks --no-run
    python benches/ranks/measure.py exchange     # against a copy of the buffer, Open MPI and MPICH
    python benches/ranks/measure.py steps        # 2 ranks of 1 thread against 1 rank of 1 and of 2 threads
    python benches/ranks/measure.py network      # against the model, on shaped loopback; as root, with ip and tc

Figures are medians over rounds in turns, with the least and the largest.
"""

import argparse
import glob
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
NUMBERS = 14_400_000
SPACE = "alambic-ranks"


def launchers():
    """The launchers of this machine by name, each with its options."""
    found = {}
    for name in ["mpirun.openmpi", "mpirun.mpich", "mpirun"]:
        if shutil.which(name) is None or (name == "mpirun" and found):
            continue
        said = subprocess.run([name, "--version"], capture_output=True, text=True).stdout
        if "Open MPI" in said or "OpenRTE" in said:
            found["Open MPI"] = [name, "--allow-run-as-root", "--oversubscribe"]
        else:
            found["MPICH"] = [name]
    if not found:
        sys.exit("there is no mpirun")
    return found


def bench():
    """The newest build of the bench."""
    built = [path for path in glob.glob(f"{ROOT}/target/release/deps/ranks-*") if os.access(path, os.X_OK)]
    # A test has the same name; it lists its tests and knows nothing of numbers.
    built = [path for path in built if ": test" not in run([path, "--list"], check=False)]
    return max(built, key=os.path.getmtime)


def run(command, check=True, **options):
    done = subprocess.run(command, capture_output=True, text=True, **options)
    if check and done.returncode != 0:
        sys.exit(f"{' '.join(command)}: {done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def spread(values, digits=2):
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f}-{max(values):.{digits}f})"


def measured(command, numbers, rounds):
    lines = run([*command, bench(), str(numbers), str(rounds)]).splitlines()
    return json.loads(next(line for line in lines if line.startswith("{")))


def exchange(arguments):
    ratios = {name: [] for name in launchers()}
    for _ in range(arguments.rounds):
        for name, launcher in launchers().items():
            ratios[name].append(measured([*launcher, "-n", "2"], NUMBERS, 9)["ratio"])
    for name, values in ratios.items():
        print(f"{name}: {NUMBERS:,} numbers, times of a copy of the buffer: {spread(values)}")


def seconds_a_step(out):
    """The median over the steps of a run, without the first three."""
    steps = [json.loads(line) for line in open(f"{out}/events.jsonl")]
    steps = [step for step in steps if step["event"] == "step"][3:]
    # Every step has the same number of examples, which cancels out of ratios.
    return statistics.median(1 / step["examples-per-second"] for step in steps)


def steps(arguments):
    program, recipe = f"{ROOT}/target/release/alambic", f"{HERE}/step.toml"
    start = [program, "run", recipe, "--no-baseline", "--quiet"]
    twice = ["--set", "train.gradient-accumulation=2"]
    ways = {"one thread": [*start, *twice, "--threads", "1"], "two threads": [*start, *twice, "--threads", "2"]}
    for name, launcher in launchers().items():
        ways[name] = [*launcher, "-n", "2", *start, "--threads", "1"]
    times = {way: [] for way in ways}
    for _ in range(arguments.rounds):
        for way, command in ways.items():
            with tempfile.TemporaryDirectory() as folder:
                run([*command, "--out", f"{folder}/run"], cwd=folder)
                times[way].append(seconds_a_step(f"{folder}/run"))
    for name in launchers():
        for other in ["one thread", "two threads"]:
            ratios = [own / reference for own, reference in zip(times[name], times[other])]
            print(f"{name}: 2 ranks of one thread against 1 rank of {other}: {spread(ratios)}")


def network(arguments):
    """One exchange through a loopback of a known rate, which both ranks share, against the model."""
    inside = ["ip", "netns", "exec", SPACE]
    open_mpi = launchers().get("Open MPI")
    if open_mpi is None:
        sys.exit("this needs Open MPI, which is told to use TCP")
    tcp = "--mca btl tcp,self --mca btl_tcp_if_include lo --mca oob_tcp_if_include lo".split()
    run(["ip", "netns", "add", SPACE])
    try:
        run(["ip", "-n", SPACE, "link", "set", "lo", "up"])
        command = [*inside, *open_mpi, *tcp]
        for count in arguments.ranks:
            for numbers in [NUMBERS // 4, NUMBERS]:
                # What sums take by themselves, in the same processes and without a way between them.
                run([*inside, "tc", "qdisc", "del", "dev", "lo", "root"], check=False)
                base = [measured([*command, "-n", str(count)], numbers, 5)["alone"] for _ in range(arguments.rounds)]
                for rate in arguments.rates:
                    limit = ["rate", f"{rate}gbit", "burst", "512kb", "limit", "20mb"]
                    run([*inside, "tc", "qdisc", "replace", "dev", "lo", "root", "tbf", *limit])
                    found = [
                        measured([*command, "-n", str(count)], numbers, 5)["sum"] for _ in range(arguments.rounds)
                    ]
                    # Both directions of all ranks go through one device.
                    wire = 2 * (count - 1) * 4 * numbers * 8 / (rate * 1e9)
                    model = statistics.median(base) + wire
                    ratio = [own / model for own in found]
                    print(
                        f"{count} ranks, {numbers:,} numbers, {rate} Gbit/s: {spread(found, 3)} s, "
                        f"model {model:.3f} s ({wire:.3f} on the wire), measured to model {spread(ratio)}",
                        flush=True,
                    )
    finally:
        run(["ip", "netns", "del", SPACE])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["exchange", "steps", "network"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--ranks", type=int, nargs="+", default=[2])
    parser.add_argument("--rates", type=float, nargs="+", default=[1, 10])
    arguments = parser.parse_args()
    {"exchange": exchange, "steps": steps, "network": network}[arguments.what](arguments)


if __name__ == "__main__":
    main()
