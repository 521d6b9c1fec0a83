"""The product of a matrix of int8 with a few rows of 16-bit integers, as LLVM code that is made for a form.

A sum is exact: integers of 32 bits hold it, because activations are limited (`layout.LINEAR`). So every form gives the
same integers, whatever the order of its additions. Three ways to multiply:

- `pairs` (x86): products of neighbours are added in pairs. LLVM makes `pmaddwd` of it, or `vpdpwssd` where there is
  one: the same few lines serve SSE, AVX2 and AVX-512.
- `planes` (ARM with dot products): an activation is 256 * high + low, two signed bytes, and `sdot` takes each.
- `lanes` (other ARM): each lane keeps its own sum, by `smlal`.

Two or four rows of the matrix are taken at once, which saves most of the work to add up lanes; up to four rows of
activations share each read of them. Weights are fetched far ahead in the order of memory, into the second cache.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from llvmlite import ir

from musicgen_api.engine.cpu.forms import Form

AHEAD = 8192
"""Bytes that weights are fetched ahead of their use (docs/engine-log.md)."""

OUTPUTS = 4
"""Every matrix is taken to have a multiple of this many rows."""

_I8, _I16, _I32, _I64 = (ir.IntType(bits) for bits in (8, 16, 32, 64))
_BLOCKS = (4, 2, 1)


def emit_product(
    builder: ir.IRBuilder,
    form: Form,
    weights: ir.Value,
    inputs: ir.Value,
    outputs: ir.Value,
    words: ir.Value,
    rows: ir.Value,
    totals: ir.Value,
    stride: ir.Value,
) -> None:
    """Append the code for totals[r * stride + n] = sum over i of weights[n, i] * words[r, i].

    All values are int64, addresses those of int8 [outputs, inputs], int16 [rows, inputs] and int32. `inputs` is a
    multiple of the form's lanes, `outputs` one of `OUTPUTS`.
    """
    with _counting(builder, outputs, OUTPUTS) as n:

        def block(first: ir.Value, count: int) -> None:
            """Multiply with `count` rows of words from the `first` on."""
            block_words = builder.add(words, builder.mul(first, builder.mul(inputs, _I64(2))))
            at_once = OUTPUTS if count == OUTPUTS and form.registers >= 32 else 2
            with _counting(builder, _I64(OUTPUTS), at_once) as part:
                output = builder.add(n, part)
                matrix = builder.add(weights, builder.mul(output, inputs))
                sums = _emit_block(builder, form, matrix, inputs, block_words, count, at_once)
                for r, total in enumerate(sums):
                    place = builder.add(output, builder.mul(builder.add(first, _I64(r)), stride))
                    place = builder.add(totals, builder.mul(place, _I64(4)))
                    builder.store(total, builder.inttoptr(place, ir.PointerType(total.type))).align = 4

        largest, *others = _BLOCKS
        whole = builder.and_(rows, _I64(-largest))
        with _counting(builder, whole, largest) as first:
            block(first, largest)
        for count in others:
            with builder.if_then(builder.icmp_unsigned("!=", builder.and_(rows, _I64(count)), _I64(0))):
                block(builder.and_(rows, _I64(-2 * count)), count)


def _emit_block(
    builder: ir.IRBuilder, form: Form, matrix: ir.Value, inputs: ir.Value, words: ir.Value, rows: int, outputs: int
) -> list[ir.Value]:
    """The first rows of a matrix times rows of words: for each of the latter a vector of `outputs` sums."""
    bytes_type, words_type = ir.VectorType(_I8, form.lanes), ir.VectorType(_I16, form.lanes)
    multiply = {"pairs": _Pairs, "planes": _Planes, "lanes": _Lanes}[form.product](builder, form.lanes)
    slots = [[multiply.new_sums() for _ in range(outputs)] for _ in range(rows)]
    with _counting(builder, inputs, form.lanes) as at:
        _fetch(builder, builder.add(matrix, builder.mul(at, _I64(outputs))), outputs * form.lanes)
        matrix_rows = [builder.add(matrix, builder.add(at, builder.mul(_I64(o), inputs))) for o in range(outputs)]
        loaded = [multiply.weights(_load(builder, place, bytes_type)) for place in matrix_rows]
        for r in range(rows):
            place = builder.add(words, builder.mul(_I64(2), builder.add(at, builder.mul(_I64(r), inputs))))
            activations = multiply.activations(_load(builder, place, words_type))
            for weights, slot in zip(loaded, slots[r], strict=True):
                multiply.add(slot, weights, activations)
    return [_add_up(builder, [multiply.total(slot) for slot in row]) for row in slots]


class _Pairs:
    """Sums of L / 2 lanes, each of the products of two neighbours."""

    sums = 1

    def __init__(self, builder: ir.IRBuilder, lanes: int) -> None:
        self.builder, self.lanes = builder, lanes
        self.type = ir.VectorType(_I32, lanes // 2)

    def new_sums(self) -> list[ir.Value]:
        """Variables for the sums, zero before the loop. LLVM turns them into registers."""
        return [_variable(self.builder, self.type) for _ in range(self.sums)]

    def weights(self, loaded: ir.Value) -> Any:
        """Prepare weights, once for all rows."""
        return self.builder.sext(loaded, ir.VectorType(_I16, self.lanes))

    def activations(self, loaded: ir.Value) -> Any:
        """Prepare activations, once for all outputs."""
        return loaded

    def add(self, slots: Sequence[ir.Value], weights: Any, activations: Any) -> None:
        """Multiply and add."""
        builder, wide = self.builder, ir.VectorType(_I32, self.lanes)
        products = builder.mul(builder.sext(activations, wide), builder.sext(weights, wide), flags=("nsw",))
        _increase(builder, slots[0], builder.add(*_halves(builder, products, products)))

    def total(self, slots: Sequence[ir.Value]) -> ir.Value:
        """One vector whose lanes add up to the sum."""
        return self.builder.load(slots[0])


class _Lanes(_Pairs):
    """Sums of L lanes."""

    def __init__(self, builder: ir.IRBuilder, lanes: int) -> None:
        super().__init__(builder, lanes)
        self.type = ir.VectorType(_I32, lanes)

    def add(self, slots: Sequence[ir.Value], weights: Any, activations: Any) -> None:
        builder = self.builder
        factors = (builder.sext(factor, self.type) for factor in (activations, weights))
        _increase(builder, slots[0], builder.mul(*factors, flags=("nsw",)))


class _Planes(_Pairs):
    """Sums of L / 4 lanes, of the high bytes' products and of the low ones'."""

    sums = 2

    def __init__(self, builder: ir.IRBuilder, lanes: int) -> None:
        super().__init__(builder, lanes)
        self.type = ir.VectorType(_I32, lanes // 4)
        wide = ir.VectorType(_I32, lanes)
        self.reduce = builder.module.declare_intrinsic(
            f"llvm.vector.partial.reduce.add.v{lanes // 4}i32.v{lanes}i32",
            (),
            ir.FunctionType(self.type, (self.type, wide)),
        )

    def weights(self, loaded: ir.Value) -> Any:
        return self.builder.sext(loaded, ir.VectorType(_I32, self.lanes))

    def activations(self, loaded: ir.Value) -> Any:
        """High and low bytes, as the words hold them for this form (`arithmetic.to_words`)."""
        both = self.builder.bitcast(loaded, ir.VectorType(_I8, 2 * self.lanes))
        low, high = _halves(self.builder, both, both, self.lanes)
        wide = ir.VectorType(_I32, self.lanes)
        return self.builder.sext(high, wide), self.builder.sext(low, wide)

    def add(self, slots: Sequence[ir.Value], weights: Any, activations: Any) -> None:
        for slot, plane in zip(slots, activations, strict=True):
            products = self.builder.mul(plane, weights, flags=("nsw",))
            self.builder.store(self.builder.call(self.reduce, [self.builder.load(slot), products]), slot)

    def total(self, slots: Sequence[ir.Value]) -> ir.Value:
        high, low = (self.builder.load(slot) for slot in slots)
        return self.builder.add(self.builder.mul(high, ir.Constant(self.type, [256] * self.type.count)), low)


def _add_up(builder: ir.IRBuilder, vectors: list[ir.Value]) -> ir.Value:
    """A vector with the sum over the lanes of each of two or four vectors: neighbours are added until that is left."""
    outputs = len(vectors)
    while len(vectors) > 1:
        vectors = [builder.add(*_halves(builder, x, y)) for x, y in zip(vectors[::2], vectors[1::2], strict=True)]
    (vector,) = vectors
    while vector.type.count > outputs:
        vector = builder.add(*_halves(builder, vector, vector, vector.type.count // 2))
    return vector


def _halves(builder: ir.IRBuilder, x: ir.Value, y: ir.Value, count: int | None = None) -> tuple[ir.Value, ir.Value]:
    """The even and the odd lanes of two vectors one after the other, or of x alone: its first `count`."""
    lanes = x.type.count
    if count is None:
        count = lanes // 2 if x is y else lanes
    evens = [2 * lane for lane in range(count)]
    even, odd = (ir.Constant(ir.VectorType(_I32, count), [lane + side for lane in evens]) for side in (0, 1))
    return builder.shuffle_vector(x, y, even), builder.shuffle_vector(x, y, odd)


def _increase(builder: ir.IRBuilder, slot: ir.Value, by: ir.Value) -> None:
    builder.store(builder.add(builder.load(slot), by), slot)


def _variable(builder: ir.IRBuilder, kind: ir.VectorType) -> ir.Value:
    """A variable of the function, set to zeros here."""
    with builder.goto_entry_block():
        slot = builder.alloca(kind)
    builder.store(ir.Constant(kind, [0] * kind.count), slot)
    return slot


def _load(builder: ir.IRBuilder, place: ir.Value, kind: ir.VectorType) -> ir.Value:
    value = builder.load(builder.inttoptr(place, ir.PointerType(kind)))
    value.align = 1
    return value


def _fetch(builder: ir.IRBuilder, place: ir.Value, count: int) -> None:
    """Have the `count` bytes that are needed after the next `AHEAD` brought near."""
    for line in range(0, max(count, 64), 64):
        emit_prefetch(builder, builder.add(place, _I64(AHEAD + line)))


def emit_prefetch(builder: ir.IRBuilder, place: ir.Value) -> None:
    """Append the instruction that has the 64 bytes at an address brought into the second cache."""
    kinds = (ir.PointerType(_I8), _I32, _I32, _I32)
    prefetch = builder.module.declare_intrinsic("llvm.prefetch.p0", (), ir.FunctionType(ir.VoidType(), kinds))
    builder.call(prefetch, [builder.inttoptr(place, kinds[0]), _I32(0), _I32(2), _I32(1)])  # to read, level, data


@contextmanager
def _counting(builder: ir.IRBuilder, stop: ir.Value, step: int) -> Iterator[ir.Value]:
    """A loop over 0, step, ... before `stop`; what is appended inside is its body."""
    before, test = builder.block, builder.append_basic_block("test")
    body, after = builder.append_basic_block("body"), builder.append_basic_block("after")
    builder.branch(test)
    builder.position_at_end(test)
    at = builder.phi(_I64)
    at.add_incoming(_I64(0), before)
    builder.cbranch(builder.icmp_signed("<", at, stop), body, after)
    builder.position_at_end(body)
    yield at
    at.add_incoming(builder.add(at, _I64(step)), builder.block)
    builder.branch(test)
    builder.position_at_end(after)
