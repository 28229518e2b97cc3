import ModelImage
import OperatorInterface
import TensorKernels

/// Turns the plan's records into steps. The reader has proved that operands exist and shapes fit.
struct StepBuilder {
    let reader: ImageReader
    let arena: UnsafeMutableRawPointer
    let kernels: KernelTable
    /// The portable operators of this program.
    let operators: OperatorSet
    private(set) var steps: [Step] = []
    /// For each operation of the plan, how many steps there are up to its last.
    private(set) var ends: [Int] = []

    init(reader: ImageReader, arena: UnsafeMutableRawPointer, kernels: KernelTable, operators: OperatorSet) {
        self.reader = reader
        self.arena = arena
        self.kernels = kernels
        self.operators = operators
        steps.reserveCapacity(reader.operationCount * 2)
    }

    /// Prepares the whole plan.
    ///
    /// - Throws: ``ImageError`` for a portable operator that this program lacks or whose operands do not fit it.
    mutating func build() throws(ImageError) {
        ends.reserveCapacity(reader.operationCount)
        for index in 0..<reader.operationCount {
            try build(operation: index)
            ends.append(steps.count)
        }
    }

    private mutating func build(operation index: Int) throws(ImageError) {
        let record = reader.operation(index)
        if record.operation.opcode.isPortable {
            let context = try OperatorContext(
                reader: reader, index: index, record: record, arena: arena, kernels: kernels)
            steps.append(.portable(try operators.prepare(context)))
            return
        }
        let operands = StepOperands(reader: reader, arena: arena, record: record)
        appendSteps(operands)
        appendActivation(operands)
    }

    private mutating func appendSteps(_ operands: StepOperands) {
        switch operands.record.operation {
        case .gemm: steps.append(operands.gemm())
        case .matMul(let transposed): steps.append(operands.matMul(transposedRight: transposed))
        case .convolution(let window, let groups): steps.append(operands.convolution(window, groups: groups))
        case .depthwise(let window): steps.append(operands.depthwise(window))
        case .maxPool(let window): steps.append(operands.pool(window, .maximum))
        case .averagePool(let window, let countsPadding):
            steps.append(operands.pool(window, countsPadding ? .averageWithPadding : .average))
        case .unary: steps.append(.unary(operands.unary(operands.record.activation, of: operands.input(0))))
        case .binary(let function): steps.append(operands.binary(function))
        case .affine(let axis): steps.append(operands.affine(axis: axis))
        case .copy: steps.append(operands.copy())
        case .transpose(let permutation): steps.append(operands.transpose(permutation))
        case .concat(let axis): steps += operands.concat(axis: axis)
        case .slice(let starts, let strides): steps.append(operands.slice(starts: starts, steps: strides))
        case .pad(let before, let mode): steps.append(operands.pad(before: before, mode: mode))
        case .softmax(let axis, let logarithmic): steps.append(operands.softmax(axis: axis, logarithmic: logarithmic))
        case .reduce(let function, let axes): steps.append(operands.reduce(function, axes: axes))
        case .argMax(let axis, let smallest, let last):
            steps.append(operands.argMax(axis: axis, smallest: smallest, last: last))
        case .integer(let operation): steps.append(operands.integer(operation))
        case .portable: break
        }
    }

    /// Adds a step in place for an activation that the kernel before does not apply itself.
    private mutating func appendActivation(_ operands: StepOperands) {
        let activation = operands.record.activation
        if activation.function == .identity || operands.record.operation == .unary { return }
        if operands.record.operation.clampsItself, activation.clamp != nil { return }
        steps.append(.unary(operands.unary(activation, of: UnsafePointer(operands.result()))))
    }
}

extension Operation {
    /// True when the kernel applies an activation that is a ``Clamp``.
    var clampsItself: Bool {
        switch self {
        case .gemm, .matMul, .convolution, .depthwise: true
        default: false
        }
    }
}

extension Activation {
    /// The activation as bounds, if that is what it is.
    var clamp: Clamp? {
        switch function {
        case .identity: Clamp.none
        case .relu: .relu
        case .clip: Clamp(low: alpha, high: beta)
        default: nil
        }
    }
}

/// One record's operands as pointers.
struct StepOperands {
    let reader: ImageReader
    let arena: UnsafeMutableRawPointer
    let record: OperationRecord

    func tensor(_ slot: Int) -> TensorRecord {
        guard let index = reader.input(slot, of: record) else {
            preconditionFailure("the reader has checked that required inputs are present")
        }
        return reader.tensor(index)
    }

    var outputTensor: TensorRecord { reader.tensor(reader.output(0, of: record)) }

    func address(_ tensor: TensorRecord) -> UnsafeRawPointer {
        tensor.kind == .constant ? reader.weights + tensor.offset : UnsafeRawPointer(arena + tensor.offset)
    }

    /// Input `slot` as floats.
    func input(_ slot: Int) -> UnsafePointer<Float> {
        address(tensor(slot)).assumingMemoryBound(to: Float.self)
    }

    /// Input `slot` as floats; nil when it is absent.
    func optionalInput(_ slot: Int) -> UnsafePointer<Float>? {
        reader.input(slot, of: record) == nil ? nil : input(slot)
    }

    var resultAddress: UnsafeMutableRawPointer { arena + outputTensor.offset }

    /// The output as floats.
    func result() -> UnsafeMutablePointer<Float> {
        resultAddress.assumingMemoryBound(to: Float.self)
    }

    var scratch: UnsafeMutablePointer<Float> {
        (arena + record.scratchOffset).assumingMemoryBound(to: Float.self)
    }

    /// The bounds that the kernel itself applies.
    var clamp: Clamp { record.activation.clamp ?? Clamp.none }
}
