import EdgeRuntime
import FleetModel
import ModelImage

/// Runs an image on this machine as devices do: for golden vectors and for comparing models.
struct ImageRunner: ~Copyable {
    private var model: Model
    private let storage: UnsafeMutableRawBufferPointer
    private let input: FrameDescription
    private let normalisation: Normalisation

    init(_ image: [UInt8], input: FrameDescription, normalisation: Normalisation) throws(RuntimeError) {
        let bytes = UnsafeMutableRawBufferPointer.allocate(
            byteCount: max(image.count, 1), alignment: ImageFormat.alignment)
        bytes.copyBytes(from: image)
        do throws(RuntimeError) {
            model = try Model(bytes: UnsafeRawBufferPointer(rebasing: bytes[0..<image.count]))
        } catch {
            bytes.deallocate()
            throw error
        }
        storage = bytes
        self.input = input
        self.normalisation = normalisation
    }

    deinit { storage.deallocate() }

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
