public import FleetWire

/// One value for each stream.
public struct PerStream<Value> {
    public var report: Value
    public var sample: Value
    public var log: Value

    public init(repeating value: Value) {
        report = value
        sample = value
        log = value
    }

    public subscript(stream: StreamKind) -> Value {
        get {
            switch stream {
            case .report: report
            case .sample: sample
            case .log: log
            }
        }
        _modify {
            switch stream {
            case .report: yield &report
            case .sample: yield &sample
            case .log: yield &log
            }
        }
    }
}

extension PerStream: Equatable where Value: Equatable {}
extension PerStream: Hashable where Value: Hashable {}
extension PerStream: Sendable where Value: Sendable {}
