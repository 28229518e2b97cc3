public import FleetModel

/// One topic of the protocol, without the prefix (see `Topics`).
public enum Topic: Hashable, Sendable {
    // From a device.
    case presence(DeviceID)
    case reported(DeviceID)
    case need(DeviceID)
    case report(DeviceID)
    case sample(DeviceID)
    case response(DeviceID)
    case fetch(DeviceID)
    // To a device.
    case desired(DeviceID)
    case ack(DeviceID)
    case command(DeviceID)
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

    /// The topic below the prefix, such as `dev/s1R/up/report`.
    var path: String {
        switch self {
        case .presence(let device): "dev/\(device)/up/presence"
        case .reported(let device): "dev/\(device)/up/reported"
        case .need(let device): "dev/\(device)/up/need"
        case .report(let device): "dev/\(device)/up/report"
        case .sample(let device): "dev/\(device)/up/sample"
        case .response(let device): "dev/\(device)/up/rsp"
        case .fetch(let device): "dev/\(device)/up/fetch"
        case .desired(let device): "dev/\(device)/dn/desired"
        case .ack(let device): "dev/\(device)/dn/ack"
        case .command(let device): "dev/\(device)/dn/cmd"
        case .ownBlobMap(let device, let digest): "dev/\(device)/dn/blob/\(digest)/m"
        case .ownChunk(let device, let digest, let page, let index):
            "dev/\(device)/dn/blob/\(digest)/c/\(page)/\(index)"
        case .roles: "trust/roles"
        case .time: "trust/time"
        case .release(let digest): "release/\(digest)"
        case .blobMap(let digest): "blob/\(digest)/m"
        case .chunk(let digest, let page, let index): "blob/\(digest)/c/\(page)/\(index)"
        }
    }

    /// Reads a topic below the prefix; nil for any other text.
    init?(path: Substring) {
        let levels = path.split(separator: "/", omittingEmptySubsequences: false)
        guard let topic = Self.device(levels) ?? Self.shared(levels[...]) else { return nil }
        self = topic
    }

    private static func device(_ levels: [Substring]) -> Topic? {
        guard levels.count >= 4, levels[0] == "dev", let device = try? DeviceID(String(levels[1])) else { return nil }
        guard levels.count == 4 else {
            guard levels[2] == "dn", levels[3] == "blob" else { return nil }
            switch shared(levels[3...]) {
            case .blobMap(let blob): return .ownBlobMap(device, blob)
            case .chunk(let blob, let page, let index): return .ownChunk(device, blob, page: page, index: index)
            default: return nil
            }
        }
        switch (levels[2], levels[3]) {
        case ("up", "presence"): return .presence(device)
        case ("up", "reported"): return .reported(device)
        case ("up", "need"): return .need(device)
        case ("up", "report"): return .report(device)
        case ("up", "sample"): return .sample(device)
        case ("up", "rsp"): return .response(device)
        case ("up", "fetch"): return .fetch(device)
        case ("dn", "desired"): return .desired(device)
        case ("dn", "ack"): return .ack(device)
        case ("dn", "cmd"): return .command(device)
        default: return nil
        }
    }

    private static func shared(_ slice: ArraySlice<Substring>) -> Topic? {
        let levels = Array(slice)
        if levels == ["trust", "roles"] { return .roles }
        if levels == ["trust", "time"] { return .time }
        guard levels.count >= 2, let digest = Digest(hex: String(levels[1])), digest.hex == levels[1] else {
            return nil
        }
        switch (levels[0], levels.count) {
        case ("release", 2): return .release(digest)
        case ("blob", 3) where levels[2] == "m": return .blobMap(digest)
        case ("blob", 5) where levels[2] == "c":
            guard let page = number(levels[3]), let index = number(levels[4]) else { return nil }
            return .chunk(digest, page: page, index: index)
        default: return nil
        }
    }

    /// A decimal number in its one form: no sign, no leading zero, bounded.
    private static func number(_ text: Substring) -> Int? {
        guard text.utf8.count <= 8, let value = Int(text), (0...WireLimits.topicNumber).contains(value),
            "\(value)" == text
        else {
            return nil
        }
        return value
    }
}
