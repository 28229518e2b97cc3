import EdgeRuntime
import FleetModel
import ModelImage

/// Runs an image on this machine as devices do: for golden vectors and for comparing models.
struct ImageRunner: ~Copyable {
    private var model: Model
    private let memory: ImageMemory
    private let input: FrameDescription
    private let normalisation: Normalisation

    init(_ image: [UInt8], input: FrameDescription, normalisation: Normalisation) throws(RuntimeError) {
        memory = ImageMemory(copying: image)
        model = try Model(bytes: memory.bytes)
        self.input = input
        self.normalisation = normalisation
    }

    /// Working memory of the image, in bytes.
    var arenaBytes: Int { model.arenaBytes }

    /// The model's outputs for a raw frame.
    mutating func scores(_ frame: some Collection<Float>) throws(RuntimeError) -> [Float] {
        var values: [Float] = []
        values.reserveCapacity(frame.count)
        for (index, value) in frame.enumerated() {
            let channel = input.channel(ofValue: index)
            values.append((value - normalisation.offset[channel]) / normalisation.scale[channel])
        }
        return try model.predict(values)
    }

    /// The class with the highest output; the first of equals.
    mutating func classIndex(_ frame: some Collection<Float>) throws(RuntimeError) -> Int {
        let row = try scores(frame)
        var best = 0
        for index in row.indices where row[index] > row[best] { best = index }
        return best
    }
}
