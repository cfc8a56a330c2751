"""What the scripts here share: forms of one piece of work that take turns, and what is printed of them."""

import json
import math
import statistics
import time

import torch
from torch import nn


class Timed:
    """What is done over and over, and how long it took."""

    def __init__(self, options):
        self.options, self.milliseconds = options, []

    def timed(self, work):
        started = time.perf_counter()
        work()
        if torch.cuda.is_initialized():
            torch.cuda.synchronize()
        self.milliseconds.append(1e3 * (time.perf_counter() - started))

    def summary(self):
        kept = self.milliseconds[self.options.warm_up :]
        figures = {"median": statistics.median(kept), "min": min(kept), "max": max(kept)}
        return {f"{name}-ms": round(value, 2) for name, value in figures.items()}


class Form(Timed):
    """One way to make a training step: parameters, and the optimiser that suits it. `loss` is the script's."""

    def __init__(self, network, parameters, optimizer, options):
        super().__init__(options)
        self.network, self.parameters, self.optimizer = network, parameters, optimizer

    def step(self, *batch):
        self.timed(lambda: self.train(*batch))

    def train(self, *batch):
        self.optimizer.zero_grad(set_to_none=True)
        self.loss(*batch).backward()
        nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step()

    def summary(self):
        trained = sum(parameter.numel() for parameter in self.parameters if parameter.requires_grad)
        return super().summary() | {"parameters": trained}


def add_sizes(parser, sizes):
    """Options that are whole numbers, with their defaults: those of a script, and how often it is timed."""
    for name, value in (sizes | {"steps": 20, "warm-up": 5, "threads": 2}).items():
        parser.add_argument(f"--{name}", type=int, default=value, help=f"({value})")


def start(options):
    torch.set_num_threads(options.threads)
    torch.manual_seed(1)


def compare(forms, batch, tolerance=1e-5):
    """The forms must compute the same loss, without dropout, before they are worth timing."""
    losses = []
    for form in forms.values():
        form.network.eval()
        with torch.no_grad():
            losses.append(form.loss(*batch).item())
        form.network.train()
    if any(not math.isclose(losses[0], other, rel_tol=tolerance) for other in losses[1:]):
        raise SystemExit(f"the forms disagree: losses {losses}")


def take_turns(forms, batch, options):
    for _ in range(options.warm_up + options.steps):
        for form in forms.values():
            form.step(*batch)


def show(forms, options, more):
    settings = {name.replace("_", "-"): value for name, value in vars(options).items()}
    result = {"torch": torch.__version__, "settings": settings} | more
    for name, form in forms.items():
        result[name] = form.summary()
    print(json.dumps(result, indent=2))
