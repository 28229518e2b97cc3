/// Checks that one step's operands fit its operation, so that kernels need no checks of their own.
struct OperationCheck {
    let reader: ImageReader
    let index: Int
    let record: OperationRecord

    func run() throws(ImageError) {
        try require(record.outputCount >= 1, .badOperand, "there must be an output")
        if record.operation.opcode.isPortable {
            try require(record.activation == .none, .badAttribute, "this operation takes no activation")
            return
        }
        try requireElements()
        if !record.operation.takesActivation {
            try require(record.activation.function == .identity, .badAttribute, "this operation takes no activation")
        }
        switch record.operation {
        case .gemm: try checkGemm()
        case .matMul(let transposedRight): try checkMatMul(transposedRight: transposedRight)
        case .convolution(let window, let groups): try checkConvolution(window, groups: groups)
        case .depthwise(let window): try checkDepthwise(window)
        case .maxPool(let window), .averagePool(let window, _): try checkPool(window)
        case .unary: try checkUnary()
        case .binary: try checkBinary()
        case .affine(let axis): try checkAffine(axis: axis)
        case .copy: try checkCopy()
        case .transpose(let permutation): try checkTranspose(permutation)
        case .concat(let axis): try checkConcat(axis: axis)
        case .slice(let starts, let steps): try checkSlice(starts: starts, steps: steps)
        case .pad(let before, let mode): try checkPad(before: before, mode: mode)
        case .softmax(let axis, _): try checkSoftmax(axis: axis)
        case .reduce(_, let axes): try checkReduce(axes: axes)
        case .argMax(let axis, _, _): try checkArgMax(axis: axis)
        case .integer(let operation): try checkInteger(operation)
        case .portable: break
        }
        try checkScratch()
        try checkOverlaps()
    }

    // MARK: - Operands

    func require(_ condition: Bool, _ code: ImageError.Code, _ detail: StaticString) throws(ImageError) {
        guard condition else { throw ImageError(code, .operation(index), detail) }
    }

    /// Only portable operators may have empty operands.
    private func requireElements() throws(ImageError) {
        for slot in 0..<record.inputCount {
            guard let tensor = reader.input(slot, of: record) else { continue }
            try require(reader.tensor(tensor).shape.elementCount > 0, .badShape, "an input is empty")
        }
        for slot in 0..<record.outputCount {
            let tensor = reader.tensor(reader.output(slot, of: record))
            try require(tensor.shape.elementCount > 0, .badShape, "the output is empty")
        }
    }

    func requireCounts(inputs: ClosedRange<Int>) throws(ImageError) {
        try require(inputs.contains(record.inputCount), .badOperand, "wrong number of inputs")
        try require(record.outputCount == 1, .badOperand, "there must be one output")
    }

    /// Input `slot` of any element type and layout.
    func anyInput(_ slot: Int) throws(ImageError) -> TensorRecord {
        guard let tensor = reader.input(slot, of: record) else {
            throw ImageError(.badOperand, .operation(index), "a required input is absent")
        }
        return reader.tensor(tensor)
    }

    /// Input `slot` as a dense float tensor.
    func input(_ slot: Int) throws(ImageError) -> Shape {
        let tensor = try anyInput(slot)
        try require(
            tensor.elementType == .float32 && tensor.layout == .dense, .badOperand, "an input must be dense float32")
        return tensor.shape
    }

    /// Input `slot` as weights in panels.
    func weights(_ slot: Int, rank: Int) throws(ImageError) -> Shape {
        let tensor = try anyInput(slot)
        try require(
            tensor.elementType == .float32 && tensor.layout == .panels && tensor.shape.rank == rank, .badOperand,
            "weights must be float32 panels of the operation's rank")
        return tensor.shape
    }

    /// Checks that input `slot` is a dense vector of `count` floats.
    func checkVector(_ slot: Int, count: Int) throws(ImageError) {
        let shape = try input(slot)
        try require(shape.rank == 1 && shape[0] == count, .badShape, "a bias, scale or shift has the wrong length")
    }

    /// Checks input `slot` as ``checkVector(_:count:)`` does, unless it is absent.
    func checkOptionalVector(_ slot: Int, count: Int) throws(ImageError) {
        if reader.input(slot, of: record) != nil { try checkVector(slot, count: count) }
    }

    /// The output, of any element type.
    func anyOutput() -> TensorRecord {
        reader.tensor(reader.output(0, of: record))
    }

    /// The output as a dense float tensor.
    func output() throws(ImageError) -> Shape {
        let tensor = anyOutput()
        try require(tensor.elementType == .float32, .badOperand, "the output must be float32")
        return tensor.shape
    }

    func requireAxis(_ axis: Int, of shape: Shape) throws(ImageError) {
        try require(axis < shape.rank, .badAttribute, "the axis is outside the shape")
    }

    // MARK: - Memory

    private func checkScratch() throws(ImageError) {
        let left = reader.input(0, of: record).map { reader.tensor($0).shape }
        let right = reader.input(1, of: record).map { reader.tensor($0).shape }
        guard
            let needed = record.operation.scratchBytes(left: left, right: right, output: anyOutput().shape),
            needed <= record.scratchBytes
        else {
            throw ImageError(.badScratch, .operation(index), "less scratch than Operation.scratchBytes asks for")
        }
    }

    /// Refuses an output or scratch that overlaps what the step still reads: a fault of the arena's planner.
    private func checkOverlaps() throws(ImageError) {
        let output = anyOutput()
        let scratch = record.scratchOffset..<(record.scratchOffset + record.scratchBytes)
        let written = output.offset..<(output.offset + output.byteCount)
        try require(!scratch.overlaps(written), .badScratch, "scratch overlaps the output")
        for slot in 0..<record.inputCount {
            guard let tensor = reader.input(slot, of: record) else { continue }
            let input = reader.tensor(tensor)
            guard input.kind != .constant else { continue }
            let read = input.offset..<(input.offset + input.byteCount)
            try require(!scratch.overlaps(read), .badScratch, "scratch overlaps an input")
            let inPlace = mayRunInPlace(slot) && read == written
            try require(
                inPlace || !read.overlaps(written), .badOperand, "the output overlaps an input that is still read")
        }
    }

    private func mayRunInPlace(_ slot: Int) -> Bool {
        switch record.operation {
        case .unary, .binary, .softmax: true
        case .affine: slot == 0
        case .integer(.lookup): slot == 0
        default: false
        }
    }
}
