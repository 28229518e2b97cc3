import ModelImage

/// What classifiers and regressors share: transforms of scores, and names of classes.
enum ScoreOperators {
    /// The names of `post_transform`; their places are the numbers of TreeEnsemble 5 and of the runtime.
    private static let transforms = ["NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT"]

    /// The number of `PROBIT`.
    static let probit: Int32 = 4

    /// The number of a node's `post_transform`.
    static func transform(_ node: ImportedNode) throws(Refusal) -> Int32 {
        let name = try node.text("post_transform", default: "NONE")
        guard let number = transforms.firstIndex(of: name) else { throw .invalid("post_transform is \"\(name)\"") }
        return Int32(number)
    }

    /// Transformed scores; a single score is changed by PROBIT alone, as in ONNX Runtime.
    static func transform(
        _ builder: inout GraphBuilder, _ scores: ValueID, _ transform: Int32
    ) throws(Refusal) -> ValueID {
        let shape = builder.shape(scores)
        let columns = shape.last ?? 1
        if transform == 0 || (columns == 1 && transform != probit) { return scores }
        return try builder.emit(
            .transformScores, words: [transform], [scores], to: shape, builder.elementType(scores),
            scratch: 8 * columns)
    }

    /// The classes of a node: what the label output holds, and what they are called.
    struct Labels {
        /// The label of each class: the model's integer, or for texts the class's number.
        var numbers: [Int64]
        /// The texts that the numbers stand for, if the model's labels are texts.
        var texts: [String]?

        /// A name for each class.
        var names: [String] { texts ?? numbers.map { "\($0)" } }

        var constant: Constant { Constant(integers: numbers, shape: [numbers.count]) }
    }

    /// The classes that one of two attributes gives: an image holds no texts, so those become numbers.
    static func labels(_ node: ImportedNode, _ texts: String, _ numbers: String) throws(Refusal) -> Labels {
        if let names = try node.strings(texts), !names.isEmpty {
            return Labels(numbers: names.indices.map { Int64($0) }, texts: names)
        }
        guard let values = try node.ints(numbers), !values.isEmpty else {
            throw .invalid("neither \(texts) nor \(numbers) is given")
        }
        return Labels(numbers: values.map { Int64($0) }, texts: nil)
    }
}
