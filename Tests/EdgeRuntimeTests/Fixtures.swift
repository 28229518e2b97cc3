import ModelImage

/// Image bytes at an aligned address, for as long as the value lives.
final class AlignedImage {
    let bytes: UnsafeRawBufferPointer
    private let memory: UnsafeMutableRawBufferPointer

    init(_ description: ImageDescription) throws {
        let encoded = try description.encoded()
        memory = .allocate(byteCount: encoded.count, alignment: ImageFormat.alignment)
        memory.copyBytes(from: encoded)
        bytes = UnsafeRawBufferPointer(memory)
    }

    deinit { memory.deallocate() }
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
) throws -> AlignedImage {
    var builder = ImageBuilder()
    var operands: [Int?] = []
    for (port, dimensions) in shapes.enumerated() { operands.append(builder.input("x\(port)", dimensions)) }
    for constant in constants { operands.append(builder.image.add(constant)) }
    builder.output(builder.step(operation, operands, shape: shape, type: type, activation: activation))
    return try AlignedImage(builder.image)
}

/// A seeded generator (SplitMix64): a failing case can be repeated from its number.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
