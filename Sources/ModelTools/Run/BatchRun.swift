import EdgeRuntime

/// Scores a file of rows offline: streams them through a model and its outputs into files, whatever their number.
public struct BatchRun {
    /// What was done.
    public struct Summary: Hashable, Sendable {
        /// Rows that were scored.
        public let rows: Int
        /// Runs of the model.
        public let runs: Int
        /// The files that were written, one per output.
        public let files: [File]
    }

    /// A file that holds an output's rows.
    public struct File: Hashable, Sendable {
        /// The output's name in the model.
        public let output: String
        /// The file.
        public let path: String
    }

    private let reader: NPYRowReader
    private let port: Int
    private let type: NPYType
    /// Rows that one run takes.
    private let rowsPerRun: Int
    /// True when a row is a whole input, so that each run's outputs make one row.
    private let stacks: Bool
    private let fixed: [String: NPYArray]

    /// Prepares a run.
    ///
    /// - Parameters:
    ///   - path: The NumPy file. Its rows are an input's entries along the batch axis (in their shape, or flattened to
    ///     `[rows, values]`), or whole inputs.
    ///   - input: The input that takes the rows; nil for a model with one input.
    ///   - fixed: Arrays for the other inputs, the same in every run.
    /// - Throws: ``ModelToolsError`` when a name, type or shape does not fit the model.
    public init(
        path: String, input: String?, fixed: [String: NPYArray], model: borrowing LoadedModel
    ) throws(ModelToolsError) {
        let ports = model.model.inputs
        try ModelRun.checkNames(fixed.keys.sorted() + [input].compactMap { $0 }, against: ports)
        let open = ports.indices.filter { fixed[ports[$0].name] == nil }
        guard open.count == 1, let port = open.first, input == nil || ports[port].name == input else {
            throw ModelToolsError(
                .name,
                "--batch gives one input its rows and --input the others; still open are "
                    + open.map { ModelRun.describe(ports[$0]) }.joined(separator: ", ")
                    + (input.map { ", and \"\($0)\" is to take the rows" } ?? ""))
        }
        for other in ports where other.name != ports[port].name {
            if let array = fixed[other.name] { try ModelRun.check(array, against: other) }
        }
        reader = try NPYRowReader(path: path)
        self.port = port
        self.fixed = fixed
        type = try ModelRun.type(of: ports[port])
        guard reader.header.type == type else {
            throw ModelToolsError(
                .tensor,
                "input \"\(ports[port].name)\" takes \(type.name), \(path) holds \(reader.header.type.name): "
                    + "save array.astype(numpy.\(type.name))")
        }
        (rowsPerRun, stacks) = try Self.fit(rows: reader.header.shape, to: ports[port], path: path)
        if !stacks {
            for output in model.model.outputs where output.shape.first != rowsPerRun {
                throw ModelToolsError(
                    .tensor,
                    "output \(ModelRun.describe(output)) has no batch axis of \(rowsPerRun); give whole inputs of shape "
                        + "\(ports[port].shape) as rows")
            }
        }
    }

    /// How rows of a file fill an input.
    static func fit(
        rows shape: [Int], to port: TensorInfo, path: String
    ) throws(ModelToolsError) -> (rowsPerRun: Int, stacks: Bool) {
        let row = Array(shape.dropFirst())
        let values = port.shape.dropFirst().reduce(1, *)
        if let batch = port.shape.first, row == Array(port.shape.dropFirst()) || row == [values] {
            return (batch, false)
        }
        if row == port.shape { return (1, true) }
        throw ModelToolsError(
            .tensor,
            "\(path) has the shape \(shape); its rows must fit input \(ModelRun.describe(port)): "
                + "[rows, \(port.shape.dropFirst().map(String.init).joined(separator: ", "))], [rows, \(values)] "
                + "or [rows, \(port.shape.map(String.init).joined(separator: ", "))]")
    }

    /// Scores every row.
    ///
    /// - Parameter folder: Where `NAME.npy` of each output is written; made if it is missing.
    public func run(
        _ loaded: inout LoadedModel, folder: String
    ) throws(ModelToolsError) -> Summary {
        try ToolFile.makeFolder(folder)
        let outputs = loaded.model.outputs
        let names = OutputFileName.names(for: outputs.map(\.name))
        var files: [File] = []
        var writers: [NPYRowWriter] = []
        for (output, name) in zip(outputs, names) {
            let path = "\(folder)/\(name)"
            let shape = [reader.rowCount] + (stacks ? output.shape : Array(output.shape.dropFirst()))
            writers.append(try NPYRowWriter(path: path, type: try ModelRun.type(of: output), shape: shape))
            files.append(File(output: output.name, path: path))
        }
        var done = 0
        var runs = 0
        while done < reader.rowCount {
            let rows = min(rowsPerRun, reader.rowCount - done)
            try score(rows: rows, &loaded)
            for (index, writer) in writers.enumerated() {
                try loaded.model.withOutput(index) { bytes throws(ModelToolsError) in
                    try writer.append(bytes.prefix(stacks ? bytes.count : bytes.count / rowsPerRun * rows))
                }
            }
            done += rows
            runs += 1
        }
        for writer in writers { try writer.finish() }
        return Summary(rows: done, runs: runs, files: files)
    }

    /// Runs the model over the next rows; what is missing of a full batch is zero.
    private func score(rows: Int, _ loaded: inout LoadedModel) throws(ModelToolsError) {
        var bytes = try reader.next(rows)
        guard bytes.count == rows * reader.rowBytes else {
            throw ModelToolsError(.format, "the file of rows became shorter while it was read")
        }
        let inputs = loaded.model.inputs
        bytes += [UInt8](repeating: 0, count: inputs[port].elementCount * type.size - bytes.count)
        for (index, input) in inputs.enumerated() {
            if let array = fixed[input.name] {
                ModelRun.write(array.bytes, to: index, of: &loaded.model, type: array.type)
            }
        }
        ModelRun.write(bytes, to: port, of: &loaded.model, type: type)
        loaded.model.run()
    }
}
