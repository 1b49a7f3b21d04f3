"""The forward's own code of a torch target, for the witnesses that run it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from gradproof._function import Function
from gradproof.check.targets import Arrays, Gradients, blame
from gradproof.check.targets._quietly import quietly
from gradproof.check.targets._torch_call import Tensors, TorchCall, arrays
from gradproof.check.targets._torch_context import forward_in_grad_mode
from gradproof.check.targets._torch_tensors import COMPLEX, to_numpy


class TorchSource(TorchCall):
    """What differences, autograd, dual numbers and imaginary steps are taken of.

    ``incoming`` and ``gradients`` are the last two of the four steps of a backward
    pass.
    """

    def witness_forward(self, primals: Arrays) -> tuple[np.ndarray[Any, Any], ...]:
        """The function whose gradient is meant."""
        with torch.no_grad():
            return arrays(self._meant(self._tensors(primals)))

    def complex_forward(
        self, primals: Arrays
    ) -> tuple[np.ndarray[Any, Any], ...] | None:
        """The function whose gradient is meant, on complex numbers."""
        dtypes = [COMPLEX[dtype] for dtype in self.working if dtype in COMPLEX]
        if len(dtypes) < len(self.working):
            return None
        try:
            with torch.no_grad(), quietly():
                tensors = self._tensors(primals, dtypes)
                return arrays(self._meant(tensors))
        except Exception:  # it takes real numbers only
            return None

    def exact(self, primals: Arrays, cotangents: Arrays) -> Gradients | None:
        """Autograd through the forward's own code, never through its backward."""
        run = self.plain_outputs
        if run is None:
            return None
        leaves = self.leaves(primals)
        try:
            with torch.enable_grad():
                outputs = run(leaves)
            if not any(one.requires_grad for one in outputs):
                return None
            incoming = self.incoming(outputs, cotangents)
            gradients = self.gradients(outputs, leaves, incoming)
        except Exception:  # whatever stops it, this witness has nothing to say
            return None
        return [None if g is None else to_numpy(g) for g in gradients]

    def jvp(
        self, primals: Arrays, tangents: Arrays
    ) -> tuple[np.ndarray[Any, Any], ...] | None:
        """Forward mode through the forward's own code."""
        run = self.plain_outputs
        if run is None:
            return None
        try:
            with quietly():
                pair = torch.func.jvp(
                    lambda *tensors: tuple(run(tensors)),
                    tuple(self._tensors(primals)),
                    tuple(self._tensors(tangents)),
                )
        except Exception:  # whatever stops it, this witness has nothing to say
            return None
        return arrays(pair[1])

    # The last two steps of a backward pass, and other ways to run it.

    def incoming(
        self, outputs: Tensors, cotangents: Sequence[Any]
    ) -> list[torch.Tensor | None]:
        """Incoming gradients as tensors like the outputs; None stays None."""
        return [
            None if v is None else torch.tensor(v, dtype=one.dtype, device=one.device)
            for one, v in zip(outputs, cotangents, strict=True)
        ]

    def gradients(
        self,
        outputs: Tensors,
        leaves: Tensors,
        incoming: Sequence[torch.Tensor | None],
        **how: Any,
    ) -> list[torch.Tensor | None]:
        """The engine's gradients of the leaves that require one, None for the rest."""
        pairs = [
            (one, gradient)
            for one, gradient in zip(outputs, incoming, strict=True)
            if one.requires_grad and gradient is not None
        ]
        chosen = [leaf for leaf in leaves if leaf.requires_grad]
        if not pairs or not chosen:
            return [None] * len(leaves)
        roots, cotangents = zip(*pairs, strict=True)
        with blame("backward"), self.in_place(leaves):
            found = iter(
                torch.autograd.grad(roots, chosen, cotangents, allow_unused=True, **how)
            )
        return [next(found) if leaf.requires_grad else None for leaf in leaves]

    @property
    def plain_outputs(self) -> Callable[[Tensors], list[torch.Tensor]] | None:
        """The forward's own operations, without its backward, where they are known."""
        run = self._source()
        if run is None:
            return None
        # Copies: a forward may write to its inputs.
        return lambda tensors: self._differentiable(
            run(*self._rebuild([tensor.clone() for tensor in tensors]))
        )

    def _meant(self, tensors: Tensors) -> list[torch.Tensor]:
        """The outputs of the function whose gradient is meant."""
        meant = self.settings.gradient_of
        if meant is None:
            return self.outputs(tensors)
        with blame("gradient_of"):
            return self._differentiable(meant(*self._rebuild(tensors)))

    def _source(self) -> Callable[..., Any] | None:
        """The forward's own code, or what the user gave in its place."""
        given = self.settings.gradient_of or self.settings.reference
        if given is not None:
            return given
        if isinstance(self.target, Function):
            return self._plain_forward
        return self._stand_in if self.is_function else None

    def _plain_forward(self, *arguments: Any) -> Any:
        bound, options = self.target.bind(arguments, self.settings.options)
        return self.target.run(bound, options).output

    def _stand_in(self, *arguments: Any) -> Any:
        torch.set_rng_state(self._rng_state)
        return forward_in_grad_mode(self.target, arguments, self.settings.options)
