"""Evaluate a predicate over a whole batch at once, in NumPy and Arrow kernels.

Three-valued logic without a third value: `truth(…, True)` asks where an expression is TRUE, `truth(…, False)`
where it is FALSE; a row in neither is NULL. NOT swaps the question, AND and OR follow De Morgan. Comparisons
are IEEE 754: one with NaN is FALSE, not NULL.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from exchange.contract.expression import (
    And,
    Arithmetic,
    Call,
    Case,
    Col,
    Compare,
    Expression,
    In,
    IsNull,
    Like,
    Lit,
    Not,
    Or,
    Type,
)
from exchange.contract.frame import Bools, Codes, Frame, Numbers, Text

_NUMBER_OPS: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
}
_TEXT_OPS: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "=": pc.equal,
    "<>": pc.not_equal,
    "<": pc.less,
    "<=": pc.less_equal,
    ">": pc.greater,
    ">=": pc.greater_equal,
}


def truth(node: Expression, frame: Frame, want: bool = True) -> Bools:
    """Where `node` is TRUE (or FALSE, if that is wanted), as one boolean per row. The result is not to be changed."""
    product = frame.product(node.ordered_columns)
    if product is None:
        return _TRUTHS[type(node)](node, frame, want)
    key = None if product.key is None else (id(node), want, product.key)
    table = frame.memory.recall(key, lambda: _TRUTHS[type(node)](node, product.frame, want))
    return table.take(product.index) if table.any() else np.zeros(frame.rows, np.bool_)


def _junction(node: And | Or, frame: Frame, want: bool) -> Bools:
    coded_first = sorted(node.items, key=lambda item: frame.product(item.ordered_columns) is None)
    every = isinstance(node, And) == want
    found: Bools | None = None
    for item in coded_first:
        hit = truth(item, frame, want)
        found = hit if found is None else found & hit if every else found | hit
        if (every and not found.any()) or (not every and found.all()):
            break
    assert found is not None
    return found


def _not(node: Not, frame: Frame, want: bool) -> Bools:
    return truth(node.item, frame, not want)


def _flag(node: Col, frame: Frame, want: bool) -> Bools:
    item = numbers(node, frame)
    return _answer(item.data, item.valid, want)


def _compare(node: Compare, frame: Frame, want: bool) -> Bools:
    if node.left.type is Type.STRING:
        return _text_answer(_TEXT_OPS[node.op](text(node.left, frame), text(node.right, frame)), want)
    left, right = numbers(node.left, frame), numbers(node.right, frame)
    return _answer(_NUMBER_OPS[node.op](left.data, right.data), _both(left.valid, right.valid), want)


def _in(node: In, frame: Frame, want: bool) -> Bools:
    if node.item.type is Type.STRING:
        item = text(node.item, frame)
        hit = pc.is_in(item, value_set=pa.array(node.values, pa.string()))
        return _text_answer(pc.if_else(item.is_valid(), hit, pa.scalar(None, pa.bool_())), want)
    values = numbers(node.item, frame)
    return _answer(np.isin(values.data, np.array(node.values)), values.valid, want)


def _like(node: Like, frame: Frame, want: bool) -> Bools:
    return _text_answer(pc.match_like(text(node.item, frame), node.pattern), want)


def _is_null(node: IsNull, frame: Frame, want: bool) -> Bools:
    if node.item.type is Type.STRING:
        return _text_answer(pc.is_null(text(node.item, frame)), want)
    valid = numbers(node.item, frame).valid
    if valid is None:
        return np.full(frame.rows, not want)
    return ~valid if want else valid


_TRUTHS: Final[dict[type[Expression], Callable[..., Bools]]] = {
    And: _junction,
    Or: _junction,
    Not: _not,
    Col: _flag,
    Compare: _compare,
    In: _in,
    Like: _like,
    IsNull: _is_null,
}


def numbers(node: Expression, frame: Frame) -> Numbers:
    """The values of a number, boolean, date or instant expression; a literal has one value for all rows."""
    product = frame.product(node.ordered_columns)
    if product is None:
        return _numbers(node, frame)
    key = None if product.key is None else (id(node), product.key)
    table = frame.memory.recall(key, lambda: _spread(_numbers(node, product.frame), product.frame))
    data = table.data.take(product.index)
    return Numbers(data, None if table.valid is None else table.valid.take(product.index))


def _spread(found: Numbers, frame: Frame) -> Numbers:
    return Numbers(np.broadcast_to(found.data, (frame.rows,)), found.valid)


def _numbers(node: Expression, frame: Frame) -> Numbers:
    match node:
        case Col():
            series = frame.columns[node.name]
            assert isinstance(series, Numbers)
            return series
        case Lit():
            return Numbers(np.asarray(node.value), None)
        case Arithmetic():
            left, right = numbers(node.left, frame), numbers(node.right, frame)
            with np.errstate(over="ignore", invalid="ignore"):
                data = _NUMBER_OPS[node.op](left.data.astype(np.float64), right.data.astype(np.float64))
            return Numbers(data, _both(left.valid, right.valid))
        case Case():
            return _case_numbers(node, frame)
        case Call(name="length"):
            return _lengths(text(node.args[0], frame))
        case Call(name="abs"):
            inner = numbers(node.args[0], frame)
            return Numbers(np.abs(inner.data.astype(np.float64)), inner.valid)
    raise AssertionError(f"{type(node).__name__} yields no numbers")


def _case_numbers(node: Case, frame: Frame) -> Numbers:
    open_rows: Bools = np.ones(frame.rows, np.bool_)
    valid: Bools = np.zeros(frame.rows, np.bool_)
    results: list[tuple[Bools, Numbers]] = []
    for condition, value in node.branches:
        taken = truth(condition, frame) & open_rows
        results.append((taken, numbers(value, frame)))
        open_rows &= ~taken
    if node.default is not None:
        results.append((open_rows, numbers(node.default, frame)))
    data = np.zeros(frame.rows, np.result_type(*(result.data.dtype for _, result in results)))
    for hit, result in results:
        np.copyto(data, result.data, where=hit)
        valid |= hit if result.valid is None else hit & result.valid
    return Numbers(data, None if valid.all() else valid)


def _lengths(item: pa.StringArray) -> Numbers:
    lengths = pc.utf8_length(item)
    valid = lengths.is_valid().to_numpy(zero_copy_only=False) if lengths.null_count else None
    return Numbers(lengths.fill_null(0).to_numpy(zero_copy_only=False), valid)


def text(node: Expression, frame: Frame) -> Any:
    """The values of a string expression: an Arrow array, or a scalar for a literal."""
    match node:
        case Lit():
            return pa.scalar(node.value, pa.string())
        case Col():
            return strings(frame, node.name)
        case Call(name="substring"):
            start, length = (int(arg.value) for arg in node.args[1:] if isinstance(arg, Lit))
            return pc.utf8_slice_codeunits(text(node.args[0], frame), start - 1, start - 1 + length)
        case Case():
            return _case_text(node, frame)
    raise AssertionError(f"{type(node).__name__} yields no strings")


def strings(frame: Frame, name: str) -> pa.StringArray:
    """A string column as plain strings."""
    series = frame.columns[name]
    if isinstance(series, Text):
        return series.array
    assert isinstance(series, Codes)
    codes = pa.array(series.codes, mask=series.codes == len(series.vocabulary))
    return series.vocabulary.take(codes)


def _case_text(node: Case, frame: Frame) -> pa.StringArray:
    none = pa.scalar(None, pa.string())
    found: Any = none if node.default is None else text(node.default, frame)
    for condition, value in reversed(node.branches):
        found = pc.if_else(pa.array(truth(condition, frame)), text(value, frame), found)
    return found


def _both(left: Bools | None, right: Bools | None) -> Bools | None:
    if left is None or right is None:
        return right if left is None else left
    return left & right


def _answer(hit: npt.NDArray[Any], valid: Bools | None, want: bool) -> Bools:
    answer = hit if want else ~hit
    return answer if valid is None else answer & valid


def _text_answer(hit: pa.BooleanArray, want: bool) -> Bools:
    answer: pa.BooleanArray = hit if want else pc.invert(hit)
    return bools(answer.fill_null(False))


def bools(array: pa.BooleanArray) -> Bools:
    """An Arrow mask without NULLs as NumPy bytes."""
    return array.to_numpy(zero_copy_only=False)  # type: ignore[no-any-return]
