import FleetModel

/// Reads a described stream and cuts it to frames. A frame never crosses a recording.
public struct StreamReader {
    private let stream: StreamDescription
    private let classOfLabel: [String: Int]

    public init(_ stream: StreamDescription) {
        self.stream = stream
        classOfLabel = Dictionary(
            stream.classes.enumerated().map { ($1.label, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// All frames, devices in order of appearance.
    public func frames() throws(FrameSourceError) -> [RecordedFrame] {
        var frames: [RecordedFrame]
        switch stream.source {
        case .recordings(let array, let index, let scale):
            frames = try recordings(array: array, index: index, scale: scale)
        case .rows(let path, let columns, let scale):
            frames = try rows(path: path, columns: columns, scale: scale)
        }
        if stream.frameLimit > 0 { frames = Array(frames.prefix(stream.frameLimit)) }
        if let partition = stream.partition { deal(&frames, partition) }
        var counts: [DeviceID: Int] = [:]
        for position in frames.indices {
            frames[position].index = counts[frames[position].device, default: 0]
            counts[frames[position].device, default: 0] += 1
        }
        return frames
    }

    // MARK: Recordings in an array

    private func recordings(
        array: String, index: StreamDescription.RecordingIndex, scale: Float
    ) throws(FrameSourceError) -> [RecordedFrame] {
        let data = try NumPyFile(DataFile.bytes(of: array), file: array)
        guard data.columns == stream.width else {
            throw FrameSourceError(file: array, message: "has \(data.columns) columns, not \(stream.width) channels")
        }
        let list = try CSVFile(DataFile.bytes(of: index.path), hasHeader: true, file: index.path)
        let first = try list.column(index.first)
        let count = try list.column(index.rows)
        let label = try list.column(index.label)
        let tagColumns = try columns(index.tags, of: list)
        var frames: [RecordedFrame] = []
        for (number, row) in list.rows.enumerated() {
            guard let start = Int(row[first]), let rows = Int(row[count]), start >= 0, rows >= 0,
                rows <= data.rows, start <= data.rows - rows
            else { throw FrameSourceError(file: index.path, message: "row \(number + 1) lies outside the array") }
            let tags = tags(tagColumns, of: row)
            let device = try device(tags, file: index.path)
            let classIndex = try classIndex(String(row[label]), file: index.path, row: number)
            for offset in stride(from: 0, through: rows - stream.length, by: stream.hop) {
                let range = start + offset..<start + offset + stream.length
                let values = data.values(rows: range).map { $0 * scale }
                frames.append(
                    RecordedFrame(device: device, index: 0, tags: tags, classIndex: classIndex, values: values))
            }
        }
        return frames
    }

    // MARK: Rows of a CSV file

    private func rows(
        path: String, columns: StreamDescription.RowColumns, scale: Float
    ) throws(FrameSourceError) -> [RecordedFrame] {
        let file = try CSVFile(DataFile.bytes(of: path), hasHeader: columns.hasHeader, file: path)
        let label = try file.column(columns.label)
        let tagColumns = try self.columns(columns.tags, of: file)
        let values = try valueColumns(of: file, label: label, tags: tagColumns.map(\.column), path: path)
        let step = stream.kind == .timeseries ? stream.hop : 1
        let length = stream.kind == .timeseries ? stream.length : 1
        var frames: [RecordedFrame] = []
        for start in stride(from: 0, through: file.rows.count - length, by: step) {
            let last = start + length - 1
            let tags = tags(tagColumns, of: file.rows[last])
            var frame: [Float] = []
            frame.reserveCapacity(length * values.count)
            for row in start...last {
                for column in values { frame.append(try file.number(row: row, column: column) * scale) }
            }
            frames.append(
                RecordedFrame(
                    device: stream.partition == nil ? try device(tags, file: path) : DeviceID(unchecked: "-"), index: 0,
                    tags: tags, classIndex: try classIndex(String(file.rows[last][label]), file: path, row: last),
                    values: frame))
        }
        return frames
    }

    private func valueColumns(
        of file: CSVFile, label: Int, tags: [Int], path: String
    ) throws(FrameSourceError) -> [Int] {
        guard stream.kind != .image else {
            let columns = file.header.indices.filter { $0 != label && !tags.contains($0) }
            guard columns.count == stream.frame.valueCount else {
                throw FrameSourceError(
                    file: path, message: "has \(columns.count) pixel columns, not \(stream.length) × \(stream.width)")
            }
            return columns
        }
        var columns: [Int] = []
        for channel in stream.channels { columns.append(try file.column(channel.name)) }
        return columns
    }

    // MARK: Devices, tags, classes

    private func columns(_ names: [String], of file: CSVFile) throws(FrameSourceError) -> [(name: String, column: Int)]
    {
        var found: [(name: String, column: Int)] = []
        for name in names { found.append((name, try file.column(name))) }
        return found
    }

    private func tags(_ columns: [(name: String, column: Int)], of row: [Substring]) -> [String: String] {
        Dictionary(columns.map { ($0.name, String(row[$0.column])) }, uniquingKeysWith: { first, _ in first })
    }

    private func device(_ tags: [String: String], file: String) throws(FrameSourceError) -> DeviceID {
        var text = stream.devicePattern
        for (key, value) in tags { text = text.replacing("{\(key)}", with: value) }
        do {
            return try DeviceID(text)
        } catch {
            throw FrameSourceError(file: file, message: "the pattern '\(stream.devicePattern)' gives: \(error)")
        }
    }

    private func classIndex(_ label: String, file: String, row: Int) throws(FrameSourceError) -> Int {
        guard let index = classOfLabel[label] else {
            throw FrameSourceError(
                file: file, message: "row \(row + 1) has the label '\(label)', which is not among the classes")
        }
        return index
    }

    /// Deals frames out to numbered devices and tags each with its number.
    private func deal(_ frames: inout [RecordedFrame], _ partition: StreamDescription.Partition) {
        let block = (frames.count + partition.devices - 1) / partition.devices
        for position in frames.indices {
            let number = partition.isConsecutive ? position / max(block, 1) : position % partition.devices
            frames[position].device = DeviceID(unchecked: "\(partition.prefix)\(number + 1)")
            frames[position].tags["number"] = "\(number + 1)"
        }
    }
}
