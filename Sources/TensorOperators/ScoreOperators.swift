import ModelImage
import OperatorInterface

/// From scores to labels and probabilities.
enum ScoreOperators {
    /// `scores[rows, targets] → y` of the same type: a ``ScoreTransform`` of each row; word: which.
    ///
    /// A single target is changed by `probit` alone, as in ONNX Runtime.
    @Sendable static func transform(_ context: OperatorContext) throws(ImageError) -> PreparedOperator {
        try context.requireCounts(inputs: 1...1)
        let x = try context.input(0)
        let y = try context.output(0, x.elementType)
        let columns = x.shape.rank > 0 ? x.shape[x.shape.rank - 1] : 1
        try context.require(x.count == y.count && columns > 0, "the output does not hold the scores")
        var kind = try scoreTransform(context, word: 0)
        if columns == 1, kind != .probit { kind = .none }
        let row = try context.scratch(columns * 8).assumingMemoryBound(to: Double.self)
        return try x.elementType.accept(Transform(kind: kind, x: x, y: y, columns: columns, row: row))
    }

    private struct Transform: ElementVisitor {
        let kind: ScoreTransform
        let x: TensorView
        let y: TensorView
        let columns: Int
        let row: UnsafeMutablePointer<Double>

        func visit<E: Element>(_ type: E.Type) throws(ImageError) -> PreparedOperator {
            let (x, y, rows) = (x.elements(E.self), y.elements(E.self), x.count / columns)
            let (kind, columns, row) = (kind, columns, row)
            return {
                for index in 0..<rows {
                    let start = index * columns
                    for column in 0..<columns { row[column] = x[start + column].wide.real }
                    kind.apply(row, columns)
                    for column in 0..<columns { y[start + column] = E(narrowing: E.Wide(row[column])) }
                }
            }
        }
    }

    static func scoreTransform(_ context: OperatorContext, word: Int) throws(ImageError) -> ScoreTransform {
        guard let kind = ScoreTransform(rawValue: try context.word(word)) else {
            throw ImageError(.unknownOperation, .operation(context.index), "unknown transform of scores")
        }
        return kind
    }

    /// `scores[rows, targets], labels[classes] (int64), reached[rows, targets] (bool)?, base?
    /// → label[rows] (int64), probabilities[rows, classes] (float32)`.
    ///
    /// Words: a ``ScoreTransform``, a ``ClassRule/Decision``, 1 when all weights are positive.
    /// Scores are float32 or float64.
    @Sendable static func classify(_ context: OperatorContext) throws(ImageError) -> PreparedOperator {
        try context.requireCounts(inputs: 4...4, outputs: 2...2)
        let scores = try context.input(0)
        let labels = try context.input(1, .int64)
        let classes = labels.count
        let targets = scores.shape.rank > 0 ? scores.shape[scores.shape.rank - 1] : 1
        let rows = targets > 0 ? scores.count / targets : 0
        let label = try context.output(0, .int64)
        let probabilities = try context.output(1, .float32)
        try context.require(
            classes > 1 && targets == classes && label.count == rows && probabilities.count == rows * classes,
            "labels, scores and probabilities do not fit")
        let reached = context.optionalInput(2)
        let base = context.optionalInput(3)
        try context.require(
            (reached?.elementType ?? .bool) == .bool && (reached?.count ?? scores.count) == scores.count
                && (base?.elementType ?? scores.elementType) == scores.elementType
                && (base?.count ?? 0) <= classes, "wrong flags or base values")
        guard let decision = ClassRule.Decision(rawValue: try context.word(1)) else {
            throw ImageError(.unknownOperation, .operation(context.index), "unknown decision")
        }
        let rule = ClassRule(
            transform: try scoreTransform(context, word: 0), classes: classes, decision: decision,
            isPositive: try context.word(2, in: 0...1) == 1)
        let row = try context.scratch(2 * classes * 8).assumingMemoryBound(to: Double.self)
        return try scores.elementType.accept(
            Classify(
                rule: rule, scores: scores, labels: labels.elements(Int64.self), reached: reached, base: base,
                label: label.elements(Int64.self), probabilities: probabilities.elements(Float.self), rows: rows,
                row: row))
    }

    private struct Classify: ElementVisitor {
        let rule: ClassRule
        let scores: TensorView
        let labels: UnsafeMutablePointer<Int64>
        let reached: TensorView?
        let base: TensorView?
        let label: UnsafeMutablePointer<Int64>
        let probabilities: UnsafeMutablePointer<Float>
        let rows: Int
        let row: UnsafeMutablePointer<Double>

        func visit<E: Element>(_ type: E.Type) throws(ImageError) -> PreparedOperator {
            let (rule, labels, label, probabilities, rows, row) = (rule, labels, label, probabilities, rows, row)
            let (scores, classes) = (scores.elements(E.self), rule.classes)
            let flags = reached?.elements(Flag.self)
            let offsets = row + classes
            let (base, baseCount) = (base?.elements(E.self), base?.count ?? 0)
            return {
                for index in 0..<baseCount { offsets[index] = base?[index].wide.real ?? 0 }
                for index in 0..<rows {
                    let start = index * classes
                    for column in 0..<classes { row[column] = scores[start + column].wide.real }
                    let winner = rule.decide(row, flags.map { $0 + start }, offsets, baseCount)
                    label[index] = labels[winner]
                    for column in 0..<classes { probabilities[start + column] = Float(row[column]) }
                }
            }
        }
    }
}

/// How a classifier decides, as ONNX Runtime does where the specification is silent.
struct ClassRule {
    /// Which scores decide.
    enum Decision: Int {
        /// The largest of those that have got a weight; of two classes the second when its score is positive.
        case trees = 0
        /// Of two classes only one has weights: its score decides alone.
        case oneSided = 1
        /// The largest.
        case largest = 2
    }

    let transform: ScoreTransform
    let classes: Int
    let decision: Decision
    /// True when no weight is negative: a score that decides alone is a probability then.
    let isPositive: Bool

    /// The winning class; the scores become probabilities.
    ///
    /// - Parameters:
    ///   - scores: One for each class.
    ///   - reached: Which classes have got a weight; nil stands for all.
    ///   - base: What is added to the scores: nothing, one number for the first, or one for each class.
    func decide(
        _ scores: UnsafeMutablePointer<Double>, _ reached: UnsafeMutablePointer<Flag>?,
        _ base: UnsafeMutablePointer<Double>, _ baseCount: Int
    ) -> Int {
        for index in 0..<baseCount { scores[index] += base[index] }
        let isSecondReached = reached?[1].isTrue ?? true
        guard classes == 2, decision != .largest, !isSecondReached || decision == .oneSided else {
            let isPair = classes == 2 && decision != .largest
            let winner = isPair ? (scores[1] > 0 ? 1 : 0) : largest(scores, baseCount > 0 ? nil : reached)
            transform.apply(scores, classes)
            return winner
        }
        let deciding = isSecondReached ? scores[1] : scores[0]
        let winner = deciding > (isProbability ? 0.5 : 0) ? 1 : 0
        if isSecondReached {
            transform.apply(scores, 2)
        } else {
            complete(scores)
        }
        return winner
    }

    /// True when the only score is a probability.
    private var isProbability: Bool { decision == .oneSided && isPositive }

    /// Both probabilities from the only score.
    private func complete(_ scores: UnsafeMutablePointer<Double>) {
        let score = scores[0]
        if transform == .logistic {
            (scores[0], scores[1]) = (ScoreTransform.logistic(-score), ScoreTransform.logistic(score))
        } else if isProbability {
            (scores[0], scores[1]) = (1 - score, score)
        } else {
            (scores[0], scores[1]) = (-score, score)
        }
    }

    private func largest(_ scores: UnsafeMutablePointer<Double>, _ reached: UnsafeMutablePointer<Flag>?) -> Int {
        var winner = -1
        for index in 0..<classes where reached?[index].isTrue ?? true {
            if winner < 0 || scores[index] > scores[winner] { winner = index }
        }
        return max(winner, 0)
    }
}
