"""Whole models, as people write them: the derived source of each is worth reading."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from tests.derive.cases._case import case

LABELS = np.array([2, 0, 1, 2, 2])
BINARY = np.array([1.0, 0.0, 1.0, 1.0, 0.0, 0.0])


def _logistic(w: Any, b: Any, x: Any, t: Any) -> Any:
    return F.binary_cross_entropy_with_logits(x @ w + b, t)


@case(_logistic, w=(3,), b=(), x=(6, 3), t=BINARY)
def logistic_regression(w: Any, b: Any, x: Any, t: Any) -> Any:
    z = x @ w + b
    p = 1 / (1 + np.exp(-z))
    return -np.mean(t * np.log(p) + (1 - t) * np.log(1 - p))


@case(
    lambda x, W, b, y: F.cross_entropy(x @ W + b, y),
    x=(5, 4),
    W=(4, 3),
    b=(3,),
    y=LABELS,
)
def softmax_regression(x: Any, W: Any, b: Any, y: Any) -> Any:
    logits = x @ W + b
    shifted = logits - np.max(logits, axis=1, keepdims=True)
    log_p = shifted - np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))
    return -np.mean(log_p[np.arange(len(y)), y])


@case(x=(5, 4), W1=(6, 4), b1=(6,), W2=(3, 6), b2=(3,), y=LABELS)
def multilayer_perceptron(x: Any, W1: Any, b1: Any, W2: Any, b2: Any, y: Any) -> Any:
    hidden = torch.relu(F.linear(x, W1, b1))
    logits = F.linear(hidden, W2, b2)
    return F.cross_entropy(logits, y)


@case(x=(5, 4), h=(5, 3), W=(9, 4), U=(9, 3), b=(9,), c=(9,))
def gru_cell(x: Any, h: Any, W: Any, U: Any, b: Any, c: Any) -> Any:
    of_x = x @ W.T + b
    of_h = h @ U.T + c
    n = h.shape[1]
    reset = torch.sigmoid(of_x[:, :n] + of_h[:, :n])
    update = torch.sigmoid(of_x[:, n : 2 * n] + of_h[:, n : 2 * n])
    new = torch.tanh(of_x[:, 2 * n :] + reset * of_h[:, 2 * n :])
    return (1 - update) * new + update * h


@case(x=(5, 4), h=(5, 3), c=(5, 3), W=(12, 4), U=(12, 3), b=(12,))
def lstm_cell(x: Any, h: Any, c: Any, W: Any, U: Any, b: Any) -> Any:
    gates = x @ W.T + h @ U.T + b
    i, f, g, o = torch.chunk(gates, 4, dim=1)
    cell = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    hidden = torch.sigmoid(o) * torch.tanh(cell)
    return hidden, cell


def _attention(x: Any, Wq: Any, Wk: Any, Wv: Any, Wo: Any) -> Any:
    q, k, v = (torch.stack((x @ W).split(3, dim=2), dim=1) for W in (Wq, Wk, Wv))
    future = torch.ones(5, 5).triu(1).bool()
    scores = (q @ k.mT / 3**0.5).masked_fill(future, -torch.inf)
    return torch.cat((F.softmax(scores, dim=-1) @ v).unbind(1), dim=-1) @ Wo


@case(
    _attention, library="torch", x=(2, 5, 6), Wq=(6, 6), Wk=(6, 6), Wv=(6, 6), Wo=(6, 6)
)
def multi_head_attention(x: Any, Wq: Any, Wk: Any, Wv: Any, Wo: Any) -> Any:
    n, length, width = x.shape
    heads = 2
    q = (x @ Wq).reshape(n, length, heads, width // heads).transpose(1, 2)
    k = (x @ Wk).reshape(n, length, heads, width // heads).transpose(1, 2)
    v = (x @ Wv).reshape(n, length, heads, width // heads).transpose(1, 2)
    mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    return mixed.transpose(1, 2).reshape(n, length, width) @ Wo


def _layer_norm(x: Any, gamma: Any, beta: Any) -> Any:
    return F.layer_norm(x, x.shape[-1:], gamma, beta)


@case(_layer_norm, x=(5, 4), gamma=(4,), beta=(4,))
def layer_norm_by_hand(x: Any, gamma: Any, beta: Any) -> Any:
    mean = np.mean(x, axis=-1, keepdims=True)
    centred = x - mean
    variance = np.mean(centred**2, axis=-1, keepdims=True)
    normal = centred / np.sqrt(variance + 1e-5)
    return gamma * normal + beta


@case(x=(7, 2), mu=(3, 2), log_sigma=(3, 2), log_pi=(3,))
def gaussian_mixture(x: Any, mu: Any, log_sigma: Any, log_pi: Any) -> Any:
    z = (x[:, None, :] - mu) * torch.exp(-log_sigma)
    log_density = -0.5 * torch.sum(z**2, dim=2) - torch.sum(log_sigma, dim=1)
    return -torch.mean(
        torch.logsumexp(log_density + F.log_softmax(log_pi, dim=0), dim=1)
    )


@case(x=(6, 2), y=(6,), log_length=(), log_noise=())
def gaussian_process(x: Any, y: Any, log_length: Any, log_noise: Any) -> Any:
    difference = (x[:, None, :] - x[None, :, :]) / torch.exp(log_length)
    kernel = torch.exp(-0.5 * torch.sum(difference**2, dim=2))
    covariance = kernel + torch.exp(log_noise) * torch.eye(x.shape[0], dtype=x.dtype)
    factor = torch.linalg.cholesky(covariance)
    white = torch.linalg.solve(factor, y)
    return 0.5 * torch.sum(white**2) + torch.sum(torch.log(torch.diagonal(factor)))


@case(point=((3,), (0.5, 1.0)), rotation=(3,), translation=((3,), (2, 3)), k=(3,))
def bundle_adjustment(point: Any, rotation: Any, translation: Any, k: Any) -> Any:
    angle = torch.sqrt(torch.sum(rotation**2))
    axis = rotation / angle
    turned = (
        point * torch.cos(angle)
        + torch.linalg.cross(axis, point) * torch.sin(angle)
        + axis * torch.sum(axis * point) * (1 - torch.cos(angle))
    )
    seen = turned + translation
    image = -seen[:2] / seen[2]
    square = torch.sum(image**2)
    return k[0] * (1 + k[1] * square + k[2] * square**2) * image


@case(lambda y, A, h: _classical_step(y, A, h, torch.tanh), y=(3,), A=(3, 3), h=())
def runge_kutta(y: Any, A: Any, h: Any) -> Any:
    return _classical_step(y, A, h, np.tanh)


def _classical_step(y: Any, A: Any, h: Any, tanh: Any) -> Any:
    k1 = tanh(A @ y)
    k2 = tanh(A @ (y + h / 2 * k1))
    k3 = tanh(A @ (y + h / 2 * k2))
    k4 = tanh(A @ (y + h * k3))
    return y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


@case(
    x=(3,),
    P=np.diag([1.0, 2.0, 0.5]) + 0.1,
    A=(3, 3),
    Q=np.diag([0.3, 0.2, 0.1]),
    H=(2, 3),
    R=np.diag([0.4, 0.7]),
    z=(2,),
)
def kalman_step(x: Any, P: Any, A: Any, Q: Any, H: Any, R: Any, z: Any) -> Any:
    x = A @ x
    P = A @ P @ A.T + Q
    innovation = z - H @ x
    S = H @ P @ H.T + R
    gain = torch.linalg.solve(S, H @ P).T
    return x + gain @ innovation, P - gain @ H @ P


@case(
    x=((5, 4), (0.1, 0.9)),
    W=(6, 4),
    V_mean=(2, 6),
    V_scale=(2, 6),
    U=(6, 2),
    D=(4, 6),
    noise=(5, 2),
)
def variational_autoencoder(
    x: Any, W: Any, V_mean: Any, V_scale: Any, U: Any, D: Any, noise: Any
) -> Any:
    hidden = torch.tanh(x @ W.T)
    mean = hidden @ V_mean.T
    log_variance = hidden @ V_scale.T
    code = mean + torch.exp(0.5 * log_variance) * noise
    logits = torch.tanh(code @ U.T) @ D.T
    reconstruction = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
    divergence = 0.5 * torch.sum(mean**2 + torch.exp(log_variance) - log_variance - 1)
    return (reconstruction + divergence) / x.shape[0]


def _kernel_regression(x: Any, centres: Any, y: Any, width: Any) -> Any:
    weights = F.softmax(-(((x[:, None] - centres) / width) ** 2) / 2, dim=1)
    return weights @ y


@case(_kernel_regression, x=(5,), centres=(7,), y=(7,), width=((), (0.5, 1.0)))
def kernel_regression(x: Any, centres: Any, y: Any, width: Any) -> Any:
    weights = np.exp(-(((x[:, None] - centres) / width) ** 2) / 2)
    return weights @ y / np.sum(weights, axis=1)


@case(lambda t, p: hermite_spline(t, p), t=((6,), (0.0, 1.0)), p=(4, 2))
def hermite_spline(t: Any, p: Any) -> Any:
    t = t[:, None]
    return (
        (2 * t**3 - 3 * t**2 + 1) * p[0]
        + (t**3 - 2 * t**2 + t) * p[1]
        + (3 * t**2 - 2 * t**3) * p[2]
        + (t**3 - t**2) * p[3]
    )


@case(x=(2, 1, 8, 8), K=(3, 1, 3, 3), b=(3,), W=(4, 27), c=(4,), y=np.array([3, 0]))
def convolutional_network(x: Any, K: Any, b: Any, W: Any, c: Any, y: Any) -> Any:
    maps = F.max_pool2d(torch.relu(F.conv2d(x, K, b)), 2)
    logits = F.linear(maps.reshape(x.shape[0], -1), W, c)
    return F.cross_entropy(logits, y)


@case(x=(5, 4), y=(5, 4), log_scale=(), labels=np.arange(5))
def contrastive_loss(x: Any, y: Any, log_scale: Any, labels: Any) -> Any:
    x = F.normalize(x, dim=1)
    y = F.normalize(y, dim=1)
    logits = torch.exp(log_scale) * (x @ y.T)
    return 0.5 * (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels))


@case(x=(5, 4), gain=(4,), W=(6, 4), V=(6, 4), U=(4, 6))
def gated_block(x: Any, gain: Any, W: Any, V: Any, U: Any) -> Any:
    normal = F.rms_norm(x, (4,), gain, eps=1e-6)
    return x + (F.silu(normal @ W.T) * (normal @ V.T)) @ U.T


@case(A=((5, 5), (0.0, 1.0)), x=(5, 3), W=(3, 4), V=(4, 3), y=LABELS)
def graph_convolution(A: Any, x: Any, W: Any, V: Any, y: Any) -> Any:
    degree = torch.sum(A, dim=1, keepdim=True)
    hidden = torch.relu(A @ (x @ W) / degree)
    return F.cross_entropy(A @ (hidden @ V) / degree, y)


@case(
    lambda U, V, R, mask: (
        torch.sum(mask * (U @ V.T - R) ** 2) + 0.1 * (torch.sum(U**2) + torch.sum(V**2))
    ),
    U=(5, 2),
    V=(4, 2),
    R=(5, 4),
    mask=((5, 4), (0.0, 1.0)),
)
def matrix_factorisation(U: Any, V: Any, R: Any, mask: Any) -> Any:
    error = U @ V.T - R
    penalty = np.sum(U**2) + np.sum(V**2)
    return np.sum(mask * error**2) + 0.1 * penalty


@case(logits=(5, 3), actions=LABELS, old=(5,), advantage=(5,))
def policy_gradient(logits: Any, actions: Any, old: Any, advantage: Any) -> Any:
    log_p = F.log_softmax(logits, dim=1)
    ratio = torch.exp(-F.nll_loss(log_p, actions, reduction="none") - old)
    clipped = torch.clamp(ratio, 0.8, 1.2)
    gain = torch.minimum(ratio * advantage, clipped * advantage)
    entropy = -torch.sum(torch.exp(log_p) * log_p, dim=1)
    return -torch.mean(gain + 0.01 * entropy)


@case(x=(4, 5, 3), h=(5, 2), W=(3, 2), U=(2, 2))
def recurrent_network(x: Any, h: Any, W: Any, U: Any) -> Any:
    for step in range(4):
        h = torch.tanh(x[step] @ W + h @ U)
    return h


@case(
    table=(6, 3),
    centre=np.array([0, 2, 2]),
    context=np.array([1, 5, 3]),
    other=np.array([4, 4, 0]),
)
def skip_gram(table: Any, centre: Any, context: Any, other: Any) -> Any:
    word = F.embedding(centre, table)
    near = torch.sum(word * F.embedding(context, table), dim=1)
    far = torch.sum(word * F.embedding(other, table), dim=1)
    return -torch.mean(F.logsigmoid(near) + F.logsigmoid(-far))
