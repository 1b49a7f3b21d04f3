"""Run emitted modules in a process where gradproof cannot be imported.

Called as ``python isolated.py FORM FOLDER``: for each case in the folder, runs its
module and writes the gradients, and second derivatives where the library has them.
"""

import json
import sys
import traceback
import warnings
from pathlib import Path

import numpy as np

sys.modules["gradproof"] = None  # importing it is an error from here on


def by_numpy(module, name, arrays, seeds, wrt, scalar):
    run = module[f"{name}_and_gradients"]
    outputs, gradients = run(*arrays.values(), *([] if scalar else seeds))
    return outputs, dict(zip(wrt, gradients, strict=True)), {}


def by_torch(module, name, arrays, seeds, wrt, scalar):
    import torch

    inputs = {n: torch.tensor(a) for n, a in arrays.items()}
    for n in wrt:
        inputs[n].requires_grad_()
    outputs = module[name](*inputs.values())
    several = outputs if isinstance(outputs, tuple) else (outputs,)
    pairs = [
        (o, torch.tensor(s))
        for o, s in zip(
            [o for o in several if o.dtype.is_floating_point or o.dtype.is_complex],
            seeds,
            strict=True,
        )
    ]
    leaves = [inputs[n] for n in wrt]
    gradients = torch.autograd.grad(
        [o for o, _ in pairs], leaves, [s for _, s in pairs], create_graph=True
    )
    second = {}
    weighed = sum(
        (g * torch.linspace(0.5, 1.5, g.numel(), dtype=g.dtype).reshape(g.shape)).sum()
        for g in gradients
    )
    weighed = weighed.real if weighed.is_complex() else weighed
    if weighed.requires_grad:
        found = torch.autograd.grad(weighed, leaves, allow_unused=True)
        second = {
            n: np.zeros(arrays[n].shape) if g is None else g.numpy(force=True)
            for n, g in zip(wrt, found, strict=True)
        }
    plain = tuple(o.detach().resolve_conj().numpy(force=True) for o in several)
    first = {
        n: g.detach().resolve_conj().numpy(force=True)
        for n, g in zip(wrt, gradients, strict=True)
    }
    return plain, first, second


def by_jax(module, name, arrays, seeds, wrt, scalar):
    import jax
    import jax.numpy as jnp

    def run(inputs, cotangents):
        def partial(*chosen):
            given = {**inputs, **dict(zip(wrt, chosen, strict=True))}
            outputs = module[name](*(given[n] for n in arrays))
            several = outputs if isinstance(outputs, tuple) else (outputs,)
            floating = [o for o in several if jnp.issubdtype(o.dtype, jnp.inexact)]
            return tuple(floating), several

        _, pull, outputs = jax.vjp(partial, *(inputs[n] for n in wrt), has_aux=True)
        return outputs, pull(cotangents)

    # One compilation for a case is much faster than one for each of its operations.
    given = {n: jnp.asarray(a) for n, a in arrays.items()}
    cotangents = tuple(jnp.conj(jnp.asarray(s)) for s in seeds)
    outputs, gradients = jax.jit(run)(given, cotangents)
    found = {n: np.conj(np.asarray(g)) for n, g in zip(wrt, gradients, strict=True)}
    return tuple(map(np.asarray, outputs)), found, {}


RUN = {"numpy": by_numpy, "torch": by_torch, "torch-library": by_torch, "jax": by_jax}


def main(form, folder):
    warnings.simplefilter("error")
    if form == "jax":
        import jax

        jax.config.update("jax_enable_x64", True)
        jax.config.update("jax_disable_most_optimizations", True)
    for case in sorted(Path(folder).glob("*/case.json")):
        about = json.loads(case.read_text())
        source = case.parent / f"{form}.py"
        if not source.exists():
            continue
        data = np.load(case.parent / "inputs.npz")
        arrays = {n: data[n] for n in about["inputs"]}
        seeds = [data[f"seed {i}"] for i in range(about["seeds"])]
        result, problem = {}, ""
        try:
            module = {"__name__": about["name"]}
            exec(compile(source.read_text(), str(source), "exec"), module)
            outputs, first, second = RUN[form](
                module, about["name"], arrays, seeds, about["wrt"], about["scalar"]
            )
            several = outputs if isinstance(outputs, tuple) else (outputs,)
            result |= {f"output {i}": np.asarray(o) for i, o in enumerate(several)}
            result |= {f"first {n}": np.asarray(g) for n, g in first.items()}
            result |= {f"second {n}": np.asarray(g) for n, g in second.items()}
        except Exception:
            problem = traceback.format_exc()
        np.savez(case.parent / f"{form}.npz", **result)
        (case.parent / f"{form}.txt").write_text(problem)


if __name__ == "__main__":
    main(*sys.argv[1:])
