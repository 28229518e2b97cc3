public import FleetModel

/// One topic of the protocol, without the prefix (see `Topics`).
public enum Topic: Hashable, Sendable {
    // From a device.
    case presence(DeviceID)
    case reported(DeviceID)
    case need(DeviceID)
    case report(DeviceID)
    case sample(DeviceID)
    case log(DeviceID)
    case response(DeviceID)
    case fetch(DeviceID)
    case renew(DeviceID)
    // To a device.
    case desired(DeviceID)
    case ack(DeviceID)
    case command(DeviceID)
    case certificate(DeviceID)
    /// A blob's map and chunks for one device that asked with `fetch`.
    case ownBlobMap(DeviceID, Digest)
    case ownChunk(DeviceID, Digest, page: Int, index: Int)
    // To every device.
    case roles
    case time
    case release(Digest)
    case blobMap(Digest)
    /// One chunk: `index` counts within the page.
    case chunk(Digest, page: Int, index: Int)
    // From the broker's guard.
    case refused

    /// The topic below the prefix, such as `dev/s1R/up/report`.
    var path: String {
        switch self {
        case .presence(let device): "dev/\(device)/up/presence"
        case .reported(let device): "dev/\(device)/up/reported"
        case .need(let device): "dev/\(device)/up/need"
        case .report(let device): "dev/\(device)/up/report"
        case .sample(let device): "dev/\(device)/up/sample"
        case .log(let device): "dev/\(device)/up/log"
        case .response(let device): "dev/\(device)/up/rsp"
        case .fetch(let device): "dev/\(device)/up/fetch"
        case .renew(let device): "dev/\(device)/up/renew"
        case .desired(let device): "dev/\(device)/dn/desired"
        case .ack(let device): "dev/\(device)/dn/ack"
        case .command(let device): "dev/\(device)/dn/cmd"
        case .certificate(let device): "dev/\(device)/dn/certificate"
        case .ownBlobMap(let device, let digest): "dev/\(device)/dn/blob/\(digest)/m"
        case .ownChunk(let device, let digest, let page, let index):
            "dev/\(device)/dn/blob/\(digest)/c/\(page)/\(index)"
        case .roles: "trust/roles"
        case .time: "trust/time"
        case .refused: "security/refused"
        case .release(let digest): "release/\(digest)"
        case .blobMap(let digest): "blob/\(digest)/m"
        case .chunk(let digest, let page, let index): "blob/\(digest)/c/\(page)/\(index)"
        }
    }

    /// Reads a topic below the prefix; nil for any other text. Every chunk of a blob passes here: nothing is allocated
    /// for one.
    init?(path: UnsafeRawBufferPointer) {
        var levels = TopicLevels(path)
        let topic = levels.first?.reads("dev") == true ? Self.device(&levels) : Self.shared(&levels)
        guard let topic, levels.isAtEnd else { return nil }
        self = topic
    }

    private static func device(_ levels: inout TopicLevels) -> Topic? {
        levels.skip()
        guard let text = levels.next(), let device = try? DeviceID(text.text), let direction = levels.next() else {
            return nil
        }
        if direction.reads("dn"), levels.first?.reads("blob") == true {
            switch shared(&levels) {
            case .blobMap(let blob): return .ownBlobMap(device, blob)
            case .chunk(let blob, let page, let index): return .ownChunk(device, blob, page: page, index: index)
            default: return nil
            }
        }
        guard let name = levels.next() else { return nil }
        switch (direction.text, name.text) {
        case ("up", "presence"): return .presence(device)
        case ("up", "reported"): return .reported(device)
        case ("up", "need"): return .need(device)
        case ("up", "report"): return .report(device)
        case ("up", "sample"): return .sample(device)
        case ("up", "log"): return .log(device)
        case ("up", "rsp"): return .response(device)
        case ("up", "fetch"): return .fetch(device)
        case ("up", "renew"): return .renew(device)
        case ("dn", "desired"): return .desired(device)
        case ("dn", "ack"): return .ack(device)
        case ("dn", "cmd"): return .command(device)
        case ("dn", "certificate"): return .certificate(device)
        default: return nil
        }
    }

    private static func shared(_ levels: inout TopicLevels) -> Topic? {
        guard let kind = levels.next(), let second = levels.next() else { return nil }
        if kind.reads("trust") { return second.reads("roles") ? .roles : second.reads("time") ? .time : nil }
        if kind.reads("security") { return second.reads("refused") ? .refused : nil }
        guard let digest = Digest(lowerCaseHex: second.bytes) else { return nil }
        if kind.reads("release") { return .release(digest) }
        guard kind.reads("blob"), let part = levels.next() else { return nil }
        if part.reads("m") { return .blobMap(digest) }
        guard part.reads("c"), let page = levels.next()?.number, let index = levels.next()?.number else { return nil }
        return .chunk(digest, page: page, index: index)
    }
}

/// What lies between two slashes of a topic.
private struct TopicLevel {
    let bytes: UnsafeRawBufferPointer

    var text: String { String(decoding: bytes, as: UTF8.self) }

    func reads(_ word: StaticString) -> Bool { word.withUTF8Buffer { bytes.elementsEqual($0) } }

    /// A decimal number in its one form: no sign, no leading zero, bounded.
    var number: Int? {
        guard (1...8).contains(bytes.count) else { return nil }
        guard bytes.first != UInt8(ascii: "0") || bytes.count == 1 else { return nil }
        var value = 0
        for digit in bytes {
            guard (0x30...0x39).contains(digit) else { return nil }
            value = value * 10 + Int(digit - 0x30)
        }
        return value <= WireLimits.topicNumber ? value : nil
    }
}

/// The levels of a topic, one after another.
private struct TopicLevels {
    private var rest: UnsafeRawBufferPointer?

    init(_ path: UnsafeRawBufferPointer) { rest = path }

    var isAtEnd: Bool { rest == nil }

    /// The level that comes next.
    var first: TopicLevel? {
        rest.map { rest in
            let end = rest.firstIndex(of: Self.slash) ?? rest.endIndex
            return TopicLevel(bytes: UnsafeRawBufferPointer(rebasing: rest[..<end]))
        }
    }

    mutating func next() -> TopicLevel? {
        guard let level = first, let path = rest else { return nil }
        let end = level.bytes.count
        rest = end == path.count ? nil : UnsafeRawBufferPointer(rebasing: path[(end + 1)...])
        return level
    }

    mutating func skip() { _ = next() }

    private static let slash = UInt8(ascii: "/")
}
