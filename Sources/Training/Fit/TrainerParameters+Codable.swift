extension TrainerParameters: Codable {
    private enum Key: String, CodingKey, CaseIterable {
        case architecture, hidden, filters, kernel, strides, pooling, dropout, epochs, patience, batch, learningRate
        case weightDecay, labelSmoothing, averaging, classWeights, warmStart, folds
    }

    /// Any name at all: to tell the unknown ones.
    private struct AnyKey: CodingKey {
        var stringValue: String
        var intValue: Int? { nil }
        init?(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    /// Takes what is given and defaults for the rest; an unknown name is a mistake, not ignored.
    ///
    /// - Throws: `TrainingError.badParameter`, or `DecodingError` for a wrong type.
    public init(from decoder: any Decoder) throws {
        self.init()
        let known = Key.allCases.map(\.rawValue)
        for key in try decoder.container(keyedBy: AnyKey.self).allKeys where !known.contains(key.stringValue) {
            throw TrainingError(
                .badParameter, "'\(key.stringValue)' is not a parameter; known are \(known.joined(separator: ", "))")
        }
        let values = try decoder.container(keyedBy: Key.self)
        func take<Value: Decodable>(_ key: Key, _ target: inout Value) throws {
            if let value = try values.decodeIfPresent(Value.self, forKey: key) { target = value }
        }
        func choose<Value: RawRepresentable & CaseIterable>(_ key: Key, _ target: inout Value) throws
        where Value.RawValue == String {
            guard let text = try values.decodeIfPresent(String.self, forKey: key) else { return }
            guard let value = Value(rawValue: text) else {
                let choices = Value.allCases.map(\.rawValue).joined(separator: ", ")
                throw TrainingError(.badParameter, "\(key.rawValue) is '\(text)', not one of \(choices)")
            }
            target = value
        }
        try choose(.architecture, &architecture)
        try choose(.pooling, &pooling)
        try take(.hidden, &hidden)
        try take(.filters, &filters)
        try take(.kernel, &kernel)
        try take(.strides, &strides)
        try take(.dropout, &dropout)
        try take(.epochs, &epochs)
        try take(.patience, &patience)
        try take(.batch, &batch)
        try take(.learningRate, &learningRate)
        try take(.weightDecay, &weightDecay)
        try take(.labelSmoothing, &labelSmoothing)
        try take(.averaging, &averaging)
        try take(.classWeights, &classWeights)
        try take(.warmStart, &warmStart)
        try take(.folds, &folds)
        try check()
    }

    public func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: Key.self)
        try values.encode(architecture.rawValue, forKey: .architecture)
        try values.encode(hidden, forKey: .hidden)
        try values.encode(filters, forKey: .filters)
        try values.encode(kernel, forKey: .kernel)
        try values.encode(strides, forKey: .strides)
        try values.encode(pooling.rawValue, forKey: .pooling)
        try values.encode(dropout, forKey: .dropout)
        try values.encode(epochs, forKey: .epochs)
        try values.encode(patience, forKey: .patience)
        try values.encode(batch, forKey: .batch)
        try values.encode(learningRate, forKey: .learningRate)
        try values.encode(weightDecay, forKey: .weightDecay)
        try values.encode(labelSmoothing, forKey: .labelSmoothing)
        try values.encode(averaging, forKey: .averaging)
        try values.encode(classWeights, forKey: .classWeights)
        try values.encode(warmStart, forKey: .warmStart)
        try values.encode(folds, forKey: .folds)
    }
}
