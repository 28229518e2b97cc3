import Foundation

/// A frame of an exported dataset version.
public struct ReplayFrame: Hashable, Sendable {
    /// The frame's name in the archive: its number in the dataset version.
    public let name: String
    /// The device that it came from; empty when the archive does not tell.
    public let device: String
    /// Index of the class that people or the import gave it; nil when it has none.
    public let classIndex: Int?
    /// Raw values, before normalisation, row by row.
    public let values: [Float]
    /// Readings in a row: channels, or the width of an image.
    public let width: Int
}

/// Reads the WebDataset tar that the controller exports a dataset version as (ustar, POSIX.1-1988): for each frame
/// `STEM.npy` with its values, `STEM.cls` with the index of its class, `STEM.json` with its device.
public enum DatasetArchive {
    /// Frames of an archive, at most.
    public static let frameLimit = 4_000_000
    private static let block = 512

    private struct Members {
        var array: NPYArray?
        var classIndex: Int?
        var device = ""
    }

    /// The frames, in the archive's order.
    ///
    /// - Throws: ``ModelToolsError`` of code `dataset` for what is no such archive.
    public static func frames(_ archive: [UInt8]) throws(ModelToolsError) -> [ReplayFrame] {
        var order: [String] = []
        var members: [String: Members] = [:]
        var offset = 0
        while offset + block <= archive.count, archive[offset] != 0 {
            let header = archive[offset..<offset + block]
            guard let size = octal(header, 124, 12), header[offset + 257..<offset + 262].elementsEqual("ustar".utf8),
                size <= archive.count - offset - block
            else { throw ModelToolsError(.dataset, "the export is cut off or no tar archive, at byte \(offset)") }
            let name = text(header, 0, 100)
            let content = Array(archive[offset + block..<offset + block + size])
            let stem = String(name.prefix { $0 != "." })
            if members[stem] == nil {
                guard order.count < frameLimit else {
                    throw ModelToolsError(.limit, "the dataset version has more than \(frameLimit) frames")
                }
                order.append(stem)
            }
            try add(content, named: name, to: &members[stem, default: Members()])
            offset += block + (size + block - 1) / block * block
        }
        guard offset + block <= archive.count else {
            throw ModelToolsError(.dataset, "the export is cut off: its closing blocks are missing")
        }
        return try order.map { stem throws(ModelToolsError) in try frame(stem, members[stem]) }
    }

    private static func add(
        _ content: [UInt8], named name: String, to members: inout Members
    ) throws(ModelToolsError) {
        switch name.split(separator: ".").last {
        case "npy":
            do throws(ModelToolsError) {
                members.array = try NPYArray(parsing: content)
            } catch {
                throw ModelToolsError(.dataset, "\(name): \(error.reason)")
            }
        case "cls":
            members.classIndex = Int(String(decoding: content, as: UTF8.self)).flatMap { $0 < 0 ? nil : $0 }
        case "json":
            struct Description: Decodable { var device: String? }
            members.device = (try? JSONDecoder().decode(Description.self, from: Data(content)))?.device ?? ""
        default: break
        }
    }

    private static func frame(_ stem: String, _ members: Members?) throws(ModelToolsError) -> ReplayFrame {
        guard let members, let array = members.array, array.type == .float32, let width = array.shape.last else {
            throw ModelToolsError(.dataset, "frame \(stem) has no float32 values")
        }
        return ReplayFrame(
            name: stem, device: members.device, classIndex: members.classIndex, values: array.floats, width: width)
    }

    private static func text(_ header: ArraySlice<UInt8>, _ offset: Int, _ count: Int) -> String {
        let start = header.startIndex + offset
        return String(decoding: header[start..<start + count].prefix { $0 != 0 }, as: UTF8.self)
    }

    private static func octal(_ header: ArraySlice<UInt8>, _ offset: Int, _ count: Int) -> Int? {
        Int(text(header, offset, count).filter { $0 != " " }, radix: 8).flatMap { $0 < 0 ? nil : $0 }
    }
}
