import FleetModel

extension StreamDescription {
    /// Reads the `stream` section; nil when something is missing. Problems go to the section's list.
    /// - Parameter folder: relative paths start here (the configuration file's folder).
    public init?(_ section: YAMLSection, folder: String) {
        defer { section.finish() }
        let name = section.string("name", required: true)
        let kind = section.string("kind", oneOf: FrameKind.allCases.map(\.rawValue), required: true)
            .flatMap(FrameKind.init(rawValue:))
        let source = section.section("source", required: true).flatMap { Self.source($0, folder: folder) }
        let classes = section.sections("classes", required: true)?.compactMap(Self.className)
        let channels = section.sections("channels", required: true)?.compactMap(Self.channel)
        let shape = section.section("frame", required: kind != .table).flatMap(Self.shape)
        let pattern = section.string("device")
        let partition = section.section("partition").flatMap(Self.partition)
        let limit = section.integer("frame_limit", in: 0...FrameSourceLimits.frames)
        guard let name, let kind, let source, let classes, let channels else { return nil }
        if kind != .table, shape == nil { return nil }
        if (pattern == nil) == (partition == nil) {
            section.complain("device", "give either a device pattern or a partition")
            return nil
        }
        self.init(
            name: name, kind: kind, source: source, length: shape?.length ?? 1, hop: shape?.hop ?? 1,
            width: kind == .image ? shape?.width ?? 1 : channels.count, channels: channels, classes: classes,
            devicePattern: pattern ?? "", partition: partition, frameLimit: limit ?? 0)
        if let problem = inconsistency {
            section.complain("frame", problem)
            return nil
        }
    }

    private var inconsistency: String? {
        if classes.count < 2 { return "at least two classes are needed" }
        if channels.isEmpty { return "at least one channel is needed" }
        if kind == .image && channels.count != 1 { return "an image has one channel entry for all its pixels" }
        if frame.valueCount > FrameSourceLimits.frameValues {
            return "a frame is over \(FrameSourceLimits.frameValues) values"
        }
        return nil
    }

    private static func source(_ section: YAMLSection, folder: String) -> Source? {
        defer { section.finish() }
        let format = section.string("format", oneOf: ["npy", "csv"], required: true)
        let path = section.string("path", required: true).map { resolve($0, folder) }
        let scale = Float(section.number("scale", in: -1e9...1e9) ?? 1)
        guard let format, let path else { return nil }
        guard format == "npy" else {
            let label = section.string("label", required: true)
            let columns = RowColumns(
                hasHeader: section.flag("header") ?? true, label: label ?? "", tags: section.strings("tags") ?? [])
            return label == nil ? nil : .rows(path: path, columns: columns, scale: scale)
        }
        guard let index = section.section("recordings", required: true) else { return nil }
        defer { index.finish() }
        guard let indexPath = index.string("path", required: true), let first = index.string("first", required: true),
            let rows = index.string("rows", required: true), let label = index.string("label", required: true)
        else { return nil }
        let recordings = RecordingIndex(
            path: resolve(indexPath, folder), first: first, rows: rows, label: label, tags: index.strings("tags") ?? [])
        return .recordings(array: path, index: recordings, scale: scale)
    }

    private static func className(_ section: YAMLSection) -> ClassName? {
        defer { section.finish() }
        guard let label = section.string("label", required: true) else { return nil }
        return ClassName(label: label, name: section.string("name") ?? label)
    }

    private static func channel(_ section: YAMLSection) -> Channel? {
        defer { section.finish() }
        guard let name = section.string("name", required: true) else { return nil }
        return Channel(name: name, unit: section.string("unit") ?? "")
    }

    private static func shape(_ section: YAMLSection) -> (length: Int, hop: Int, width: Int)? {
        defer { section.finish() }
        let range = 1...FrameSourceLimits.frameValues
        guard let length = section.integer("length", in: range, required: true) else { return nil }
        return (length, section.integer("hop", in: range) ?? length, section.integer("width", in: range) ?? 1)
    }

    private static func partition(_ section: YAMLSection) -> Partition? {
        defer { section.finish() }
        guard let devices = section.integer("devices", in: 1...10_000, required: true) else { return nil }
        return Partition(
            devices: devices, prefix: section.string("prefix") ?? "device",
            isConsecutive: section.flag("consecutive") ?? true)
    }

    private static func resolve(_ path: String, _ folder: String) -> String {
        path.hasPrefix("/") || folder.isEmpty ? path : "\(folder)/\(path)"
    }
}
