"""Spellings that a template cannot give: they look at shapes."""

from __future__ import annotations

from gradproof.derive.emit.expressions import ATOM, PRODUCT, SIGN, Text, Writer
from gradproof.derive.ir import Value


def size(writer: Writer, value: Value) -> Text:
    """x.shape[0], or x.size for all of it."""
    (x,) = value.operands
    axis = value.parameters["axis"]
    if axis is not None:
        return Text(f"{writer.shape(x)}[{axis}]")
    if writer.form != "torch":
        return Text(f"{writer.code(x, ATOM)}.size")
    if writer.is_at_hand(x):
        return Text(f"{writer.code(x, ATOM)}.numel()")
    return Text(f"{writer.shape(x)}.numel()")


def transpose(writer: Writer, value: Value) -> Text:
    """X.T, X.mT, or the axes."""
    (x,) = value.operands
    axes = value.parameters["axes"]
    code = writer.code(x, ATOM)
    if axes == (1, 0):
        return Text(f"{code}.T")
    last_two = (*range(len(axes) - 2), len(axes) - 1, len(axes) - 2)
    if axes == last_two:
        return Text(f"{code}.mT")
    method = "permute" if writer.form == "torch" else "transpose"
    return Text(f"{code}.{method}({', '.join(map(str, axes))})")


def expand_dims(writer: Writer, value: Value) -> Text:
    """x[:, None]: what every library understands."""
    (x,) = value.operands
    axes = value.parameters["axis"]
    last = max(axes)
    parts = ["None" if i in axes else ":" for i in range(last + 1)]
    if last == value.ndim - 1 and value.ndim > 2 and axes == (last,):
        parts = ["...", "None"]
    return Text(f"{writer.code(x, ATOM)}[{', '.join(parts)}]")


def broadcast_like(writer: Writer, value: Value) -> Text:
    """Ones, zeros, a number everywhere, or an array spread."""
    x, like = value.operands
    number = x.number()
    module = writer.module
    if not writer.is_at_hand(like):
        shape, options = writer.shape(like), writer.options(value)
        if number is not None or x.is_weak:
            return Text(f"{module}.full({shape}, {writer.code(x)}{options})")
        if writer.form == "torch":
            return Text(f"{writer.code(x, ATOM)}.expand({shape})")
        return Text(f"{module}.broadcast_to({writer.code(x)}, {shape})")
    target = writer.code(like)
    if number in (0, 1):
        return Text(f"{module}.{'ones' if number else 'zeros'}_like({target})")
    if not x.shape and (writer.form != "torch" or x.is_weak):
        return Text(f"{module}.full_like({target}, {writer.code(x)})")
    if writer.form == "torch":
        return Text(f"{writer.code(x, ATOM)}.expand({writer.shape(like)})")
    return Text(f"{module}.broadcast_to({writer.code(x)}, {writer.shape(like)})")


def reshape_like(writer: Writer, value: Value) -> Text:
    """x.reshape(y.shape)"""
    x, like = value.operands
    return Text(f"{writer.code(x, ATOM)}.reshape({writer.shape(like)})")


def cast_like(writer: Writer, value: Value) -> Text:
    """x.astype(y.dtype)"""
    x, like = value.operands
    if x.number() is not None and writer.form == "torch":
        return number_as(writer, x, like)
    kind = dtype(writer, value.dtype)
    if writer.is_at_hand(like):
        kind = f"{writer.code(like, ATOM)}.dtype"
    method = "to" if writer.form == "torch" else "astype"
    return Text(f"{writer.code(x, ATOM)}.{method}({kind})")


def number_as(writer: Writer, number: Value, like: Value) -> Text:
    """A Python number as a tensor."""
    if writer.is_at_hand(like):
        return Text(f"{writer.code(like, ATOM)}.new_tensor({writer.code(number)})")
    return Text(f"torch.tensor({writer.code(number)}{writer.options(like)})")


def of_tensors(writer: Writer, value: Value) -> Text:
    """torch.maximum(x, y) and others, which take no number in the place of a tensor."""
    tensors = [v for v in value.operands if v.number() is None]
    codes = []
    for operand in value.operands:
        code = writer.code(operand)
        if operand.number() is not None and tensors:
            code = number_as(writer, operand, tensors[0]).code
        codes.append(code)
    name = {"arctan2": "atan2"}.get(value.operation, value.operation)
    return Text(f"torch.{name}({', '.join(codes)})")


def dtype(writer: Writer, name: str) -> str:
    """np.float32, torch.float32."""
    if name == "bool" and writer.form != "torch":
        return "bool"
    return f"{writer.module}.{name}"


def cast(writer: Writer, value: Value) -> Text:
    """x.astype(np.float32), x.to(torch.float32)"""
    method = "to" if writer.form == "torch" else "astype"
    code = writer.code(value.operands[0], ATOM)
    if method == "to" and value.operands[0].number() is not None:
        return Text(f"torch.tensor({code}, dtype={dtype(writer, value.dtype)})")
    return Text(f"{code}.{method}({dtype(writer, value.dtype)})")


def full(writer: Writer, value: Value) -> Text:
    """Zeros, ones or another number in a shape."""
    (number,) = value.operands
    shape = writer.literal(tuple(value.parameters["shape"]))
    if number.number() in (0, 1):
        name = "ones" if number.number() else "zeros"
        options = writer.options(value, writer.own_dtypes)
        return Text(f"{writer.module}.{name}({shape}{options})")
    code = writer.code(number)
    return Text(f"{writer.module}.full({shape}, {code}{writer.options(value)})")


def eye(writer: Writer, value: Value) -> Text:
    """np.eye(x.shape[0], dtype=x.dtype)"""
    size = writer.literal(value.parameters["size"])
    return Text(f"{writer.module}.eye({size}{writer.options(value)})")


def arange(writer: Writer, value: Value) -> Text:
    """torch.arange(x.shape[0], device=x.device)"""
    stop = writer.literal(value.parameters["stop"])
    return Text(f"{writer.module}.arange({stop}{writer.options(value, {'int64'})})")


def variance(writer: Writer, value: Value) -> Text:
    """np.var(x, ddof=1), whose default torch does not share."""
    correction = value.parameters.get("correction", 0)
    if writer.form == "torch":
        template = f"torch.{{operation}}({{0}}{{,axis:dim}}, correction={correction}"
        return Text(writer.filled(template + "{,keepdims:keepdim})", value))
    ddof = f", ddof={correction}" if correction else ""
    template = f"{writer.module}.{{operation}}({{0}}{{,axis}}{ddof}{{,keepdims}})"
    return Text(writer.filled(template, value))


def norm(writer: Writer, value: Value) -> Text:
    """np.linalg.norm, or vector_norm where the axes are not one, two or all."""
    axis = value.parameters.get("axis")
    every = axis is None and not value.parameters.get("keepdims")
    pair = isinstance(axis, int) or (axis is not None and len(axis) == 2)
    name = "norm" if every or pair else "vector_norm"
    template = f"{writer.module}.linalg.{name}({{0}}{{,axis}}{{,keepdims}})"
    return Text(writer.filled(template, value))


def flip(writer: Writer, value: Value) -> Text:
    """np.flip(x, axis=0); torch wants a tuple."""
    if writer.form != "torch":
        return Text(writer.filled(f"{writer.module}.flip({{0}}{{,axis}})", value))
    x, axis = value.operands[0], value.parameters["axis"]
    dims = tuple(range(x.ndim)) if axis is None else axis
    dims = (dims,) if isinstance(dims, int) else dims
    return Text(f"torch.flip({writer.code(x)}, {writer.literal(dims)})")


def einsum(writer: Writer, value: Value) -> Text:
    """np.einsum("ij,jk->ik", x, y)"""
    operands = ", ".join(map(writer.code, value.operands))
    subscripts = value.parameters["subscripts"]
    if writer.form == "latex":
        return Text(rf"\mathrm{{einsum}}({operands})")
    return Text(f'{writer.module}.einsum("{subscripts}", {operands})')


def diagonal(writer: Writer, value: Value) -> Text:
    """np.diagonal(x): of the last two axes."""
    (x,) = value.operands
    offset = value.parameters.get("offset", 0)
    first, second = ("dim1", "dim2") if writer.form == "torch" else ("axis1", "axis2")
    options = f", offset={offset}" if offset else ""
    options += f", {first}=-2, {second}=-1" if x.ndim > 2 else ""
    return Text(f"{writer.module}.diagonal({writer.code(x)}{options})")


def diag(writer: Writer, value: Value) -> Text:
    """np.diag(x), for a batch a helper of that name."""
    (x,) = value.operands
    offset = value.parameters.get("offset", 0)
    if writer.form == "torch":
        option = f", offset={offset}" if offset else ""
        return Text(f"torch.diag_embed({writer.code(x)}{option})")
    module = writer.module
    if x.ndim == 1:
        option = f", k={offset}" if offset else ""
        return Text(f"{module}.diag({writer.code(x)}{option})")
    option = f", {offset}" if offset else ""
    return Text(f"diag_embed({writer.code(x)}{option})")


def eye_like(writer: Writer, value: Value) -> Text:
    """np.eye(x.shape[-1], dtype=bool)"""
    (x,) = value.operands
    size = f"{writer.shape(x)}[-1]"
    return Text(f"{writer.module}.eye({size}{writer.options(value)})")


def squeeze(writer: Writer, value: Value) -> Text:
    """np.squeeze(x, axis=1)"""
    axis = value.parameters["axis"]
    keyword = "dim" if writer.form == "torch" else "axis"
    chosen = axis[0] if len(axis) == 1 else axis
    code = writer.code(value.operands[0])
    return Text(f"{writer.module}.squeeze({code}, {keyword}={chosen})")


def expit(writer: Writer, value: Value) -> Text:
    """1 / (1 + np.exp(-x)); the sign of a negative operand cancels."""
    (x,) = value.operands
    if x.operation == "negative" and id(x) not in writer.names:
        exponent = writer.code(x.operands[0])
    else:
        exponent = f"-{writer.code(x, SIGN)}"
    return Text(f"1 / (1 + {writer.module}.exp({exponent}))", PRODUCT)
