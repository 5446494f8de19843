"""A batch run that is killed many times at random moments of row work, and then let be.

``python -m tests.batch.killed_often`` kills it 40 times; ``--kills``, ``--seed``, ``--format`` and ``--row-s`` change
that. A row takes longer than the time until the next kill, so that no kill ever finds a row done, and every other time
less. With ``--ray`` the run has two workers on Ray, and the command or one of its workers is killed (slow: Ray starts
anew after each death of the command). Prints what was done; exit code 1 where the result is not, to the byte, that of a
run nobody touched.
"""

import argparse
import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from samwidget.batch.chunks import ChunkRunner
from samwidget.batch.job import FORMATS, Job, choose_result
from samwidget.batch.run import run_batch
from samwidget.predict.predictor import SamPredictor
from tests.batch.rows import ROWS, fake_runner, text_of, write_csv
from tests.predict.fake_segmenter import FakeSegmenter

SIGNALS = (signal.SIGKILL, signal.SIGTERM)


class Slow(FakeSegmenter):
    """Needs a while for each photo, as a large model does."""

    def __init__(self, seconds):
        super().__init__()
        self.seconds = seconds

    def encode(self, image, *, threads=None):
        time.sleep(self.seconds)
        return super().encode(image, threads=threads)


def write_input(folder, count=6):
    """So many rows, each with a photo of its own."""
    return str(write_csv(folder / "rows.csv", [(text_of(seed), *ROWS[seed % len(ROWS)]) for seed in range(count)]))


def files_of(folder):
    """The bytes of each file of a run but its manifest, whose chunks may come in another order, and kept parts."""
    return {
        path.name: path.read_bytes() for path in folder.iterdir() if path.is_file() and ".manifest" not in path.name
    }


def kill_once(job, row_s, chance):
    """Runs the job in a fork, and kills it a random time after a row was begun; returns the exit status."""
    before = begun_rows(job.parts)
    child = os.fork()
    if child == 0:
        try:
            runner = ChunkRunner(job, predictor=SamPredictor(Slow(row_s)))
            run_batch(job, runner=runner, show_progress=False)
            os._exit(0)
        finally:
            os._exit(1)
    while os.waitpid(child, os.WNOHANG)[0] == 0:
        if begun_rows(job.parts) - before:
            time.sleep(chance.uniform(0, 0.8) * row_s)
            os.kill(child, chance.choice(SIGNALS))
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        time.sleep(0.002)
    return 0


def ray_workers(command):
    """The actors below a process; none where it or they have just gone."""
    try:
        below = psutil.Process(command.pid).children(recursive=True)
        return [worker for worker in below if any("MapWorker" in word for word in worker.cmdline())]
    except psutil.NoSuchProcess:  # a zombie is one, too
        return []


def begun_rows(folder):
    """The lines that say which row a command began: they have something new once a new command is at work."""
    begun = set()
    for path in folder.glob("*.tries"):
        with contextlib.suppress(FileNotFoundError):  # a row was done just now
            begun |= {line for line in path.read_text().splitlines() if line.startswith("begun ")}
    return begun


def kill_often(source, folder, format_, kills, row_s, seed):
    """Kills a run so often; returns the exit statuses and whether the result is that of a run nobody touched."""
    chance = random.Random(seed)
    whole = Job(source, choose_result(folder / "whole", format_)[0], format=format_, mini_batch_size=2)
    run_batch(whole, runner=fake_runner(whole), show_progress=False)
    job = Job(source, choose_result(folder / "killed", format_)[0], format=format_, mini_batch_size=2, retries=1)
    statuses = [kill_once(job, row_s, chance) for _ in range(kills)]
    run_batch(job, runner=fake_runner(job), show_progress=False)
    return statuses, files_of(folder / "killed") == files_of(folder / "whole")


def kill_ray_often(source, folder, kills, seed):
    """As ``kill_often``, with the command line, the bundled model and two workers on Ray."""
    chance = random.Random(seed)
    deploy = folder / "deploy.yaml"
    deploy.write_text("mini_batch_size: 2\nretry_settings: {max_retries: 0}\n")
    words = [sys.executable, "-m", "samwidget", "batch", source, "--config", str(deploy), "-o"]
    subprocess.run([*words, str(folder / "whole.csv")], check=True, capture_output=True)
    words += [str(folder / "killed.csv"), "--workers", "2"]
    killed, parts = [], folder / "killed.csv.parts"
    while len(killed) < kills:
        before, count_before = begun_rows(parts), len(killed)
        command = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while command.poll() is None and len(killed) < kills:
            if not begun_rows(parts) - before:
                time.sleep(0.01)
                continue
            time.sleep(chance.uniform(0, 1))
            is_worker = chance.random() < 0.5
            try:
                workers = ray_workers(command)
                target = chance.choice(workers) if is_worker and workers else psutil.Process(command.pid)
                target.send_signal(chance.choice(SIGNALS))
            except psutil.NoSuchProcess:  # it has just ended
                continue
            killed.append("command" if target.pid == command.pid else "worker")
            sys.stderr.write(f"{len(killed)}: killed a {killed[-1]}\n")
            if killed[-1] == "command":
                command.wait(120)
        if command.poll() and "command" not in killed[count_before:]:  # on a very busy machine Ray may not start
            sys.stderr.write(f"a command ended by itself, with exit code {command.returncode}\n")
        if command.returncode == 0:  # it came to its end before enough kills
            for path in (folder / "killed.csv", folder / "killed.csv.manifest.jsonl"):
                path.unlink()
        elif command.poll() is None:
            command.wait(300)
    subprocess.run(words, check=True, capture_output=True)
    return killed, (folder / "killed.csv").read_bytes() == (folder / "whole.csv").read_bytes()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--format", choices=FORMATS, default="csv")
    parser.add_argument("--row-s", type=float, default=0.4, help="seconds that a row takes")
    parser.add_argument("--ray", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if options.ray:
            kinds, is_equal = kill_ray_often(write_input(folder, 200), folder, options.kills, options.seed)
        else:
            source = write_input(folder)
            kinds, is_equal = kill_often(source, folder, options.format, options.kills, options.row_s, options.seed)
    counts = ", ".join(f"{kinds.count(kind)} x {kind}" for kind in sorted(set(kinds), key=str))
    equal = "equal" if is_equal else "NOT EQUAL"
    sys.stdout.write(f"{len(kinds)} kills ({counts}): the result is {equal} to the byte\n")
    raise SystemExit(not is_equal)


if __name__ == "__main__":
    main()
