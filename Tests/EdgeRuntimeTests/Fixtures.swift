import ModelImage

extension ImageMemory {
    /// The image that is described.
    convenience init(_ description: ImageDescription) throws { try self.init(copying: description.encoded()) }
}

/// Builds small images step by step; each result gets its own place in the arena.
struct ImageBuilder {
    var image = ImageDescription()

    mutating func input(_ name: String, _ shape: [Int]) -> Int {
        let index = image.add(.input(name, shape: shape, at: reserve(shape, 4)))
        image.inputs.append(index)
        return index
    }

    mutating func constant(_ values: [Float], _ shape: [Int]) -> Int {
        image.add(.constant("", values, shape: shape))
    }

    /// Adds a step and the tensor of its result.
    mutating func step(
        _ operation: Operation, _ inputs: [Int?], shape: [Int], type: ElementType = .float32,
        activation: Activation = .none
    ) -> Int {
        let offset = reserve(shape, type.size)
        let result = image.add(
            .init(name: "", elementType: type, kind: .intermediate, shape: shape, arenaOffset: offset))
        let right = inputs.count > 1 ? inputs[1].flatMap { Shape(image.tensors[$0].shape) } : nil
        let left = inputs.first.flatMap { $0.flatMap { Shape(image.tensors[$0].shape) } }
        let scratch = operation.scratchBytes(left: left, right: right) ?? 0
        image.operations.append(
            .init(
                operation, activation: activation, inputs: inputs, output: result, scratchOffset: image.arenaBytes,
                scratchBytes: scratch))
        image.arenaBytes += ImageFormat.aligned(scratch)
        return result
    }

    mutating func output(_ index: Int, _ name: String = "y") {
        image.tensors[index].kind = .output
        image.tensors[index].name = name
        image.outputs.append(index)
    }

    private mutating func reserve(_ shape: [Int], _ size: Int) -> Int {
        defer { image.arenaBytes += ImageFormat.aligned(shape.reduce(size, *)) }
        return image.arenaBytes
    }
}

/// An image of one step over inputs of the given shapes.
func oneStep(
    _ operation: Operation, inputs shapes: [[Int]], constants: [ImageDescription.Tensor] = [], shape: [Int],
    type: ElementType = .float32, activation: Activation = .none
) throws -> ImageMemory {
    var builder = ImageBuilder()
    var operands: [Int?] = []
    for (port, dimensions) in shapes.enumerated() { operands.append(builder.input("x\(port)", dimensions)) }
    for constant in constants { operands.append(builder.image.add(constant)) }
    builder.output(builder.step(operation, operands, shape: shape, type: type, activation: activation))
    return try ImageMemory(builder.image)
}
