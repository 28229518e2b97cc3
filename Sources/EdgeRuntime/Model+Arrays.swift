import ModelImage

extension Model {
    /// Runs a model of any number of float inputs and outputs.
    ///
    /// ```swift
    /// var model = try Model(mapping: "/var/lib/martlet/images/kws")
    /// var outputs: [[Float]] = []
    /// try model.run([spectrogram], into: &outputs)
    /// ```
    ///
    /// - Parameters:
    ///   - inputs: The elements of each input in row-major order, in the model's order of inputs.
    ///   - outputs: Receives the elements of each output. Arrays that have the right size are written in place, so that
    ///     a caller who passes the same ones again allocates nothing.
    /// - Throws: ``RuntimeError/severalPorts(inputs:outputs:)`` when `inputs` are not as many as the model's,
    ///   ``RuntimeError/notFloat(_:)`` or ``RuntimeError/wrongCount(expected:found:)``; nothing has run then.
    public mutating func run(_ inputs: [[Float]], into outputs: inout [[Float]]) throws(RuntimeError) {
        guard inputs.count == reader.inputCount else {
            throw .severalPorts(inputs: reader.inputCount, outputs: reader.outputCount)
        }
        prepare(&outputs)
        for port in 0..<reader.outputCount {
            let type = reader.tensor(reader.output(port)).elementType
            guard type == .float32 else { throw .notFloat(type) }
        }
        for port in 0..<inputs.count { try write(inputs[port], port) }
        run()
        for port in 0..<outputs.count { read(port, &outputs[port]) }
    }

    private func prepare(_ outputs: inout [[Float]]) {
        while outputs.count > reader.outputCount { outputs.removeLast() }
        for port in 0..<reader.outputCount {
            let count = reader.tensor(reader.output(port)).shape.elementCount
            if port == outputs.count { outputs.append([]) }
            if outputs[port].count != count { outputs[port] = [Float](repeating: 0, count: count) }
        }
    }

    private mutating func write(_ values: [Float], _ port: Int) throws(RuntimeError) {
        // The closure hands the error out as a value: rethrowing through a buffer would lose its type.
        let failure: RuntimeError? = values.withUnsafeBufferPointer { buffer in
            do throws(RuntimeError) {
                try write(buffer, toInput: port)
                return nil
            } catch {
                return error
            }
        }
        if let failure { throw failure }
    }

    private func read(_ port: Int, _ values: inout [Float]) {
        let tensor = reader.tensor(reader.output(port))
        values.withUnsafeMutableBytes { target in
            target.copyMemory(from: UnsafeRawBufferPointer(start: arena + tensor.offset, count: tensor.byteCount))
        }
    }
}
