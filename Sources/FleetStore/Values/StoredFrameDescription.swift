public import FleetModel

/// JSON: `{"kind":"timeseries","steps":50,"width":6,"channels":[{"name":"ax","unit":"g"}]}`.
extension FrameDescription: Codable {
    private enum CodingKeys: String, CodingKey { case kind, steps, width, channels }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            kind: try container.decode(FrameKind.self, forKey: .kind),
            steps: try container.decode(Int.self, forKey: .steps),
            width: try container.decode(Int.self, forKey: .width),
            channels: try container.decode([Channel].self, forKey: .channels))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(kind, forKey: .kind)
        try container.encode(steps, forKey: .steps)
        try container.encode(width, forKey: .width)
        try container.encode(channels, forKey: .channels)
    }
}

extension Channel: Codable {
    private enum CodingKeys: String, CodingKey { case name, unit }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            name: try container.decode(String.self, forKey: .name),
            unit: try container.decodeIfPresent(String.self, forKey: .unit) ?? "")
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(name, forKey: .name)
        try container.encode(unit, forKey: .unit)
    }
}
