import ModelImage
import OperatorInterface

/// The kernel functions of support vector machines; x and v are a row and a support vector.
enum SupportVectorKernel: Int {
    /// `x·v`
    case linear = 0
    /// `(gamma·x·v + coef0)^degree`
    case polynomial = 1
    /// `exp(−gamma·|x − v|²)`
    case radial = 2
    /// `tanh(gamma·x·v + coef0)`
    case sigmoid = 3

    func value(
        _ x: UnsafeMutablePointer<Float>, _ v: UnsafeMutablePointer<Float>, _ count: Int, _ parameters: SIMD4<Double>
    ) -> Double {
        var sum = 0.0
        if self == .radial {
            for index in 0..<count {
                let distance = Double(x[index]) - Double(v[index])
                sum += distance * distance
            }
            return RealMath.exp(-parameters[0] * sum)
        }
        for index in 0..<count { sum += Double(x[index]) * Double(v[index]) }
        let scaled = parameters[0] * sum + parameters[1]
        switch self {
        case .polynomial: return RealMath.raise(scaled, parameters[2])
        case .sigmoid: return RealMath.tanh(scaled)
        default: return sum
        }
    }
}

/// Support vector machines.
enum SupportVectorOperators {
    /// `x[rows, features], vectors[count, features] → y[rows, count]`, all float32: the kernel of each pair.
    ///
    /// Words: a ``SupportVectorKernel``, then as floats gamma, coef0 and degree.
    @Sendable static func kernelMatrix(_ context: OperatorContext) throws(ImageError) -> PreparedOperator {
        try context.requireCounts(inputs: 2...2)
        let x = try context.input(0, .float32)
        let vectors = try context.input(1, .float32)
        let y = try context.output(0, .float32)
        guard let kernel = SupportVectorKernel(rawValue: try context.word(0)) else {
            throw ImageError(.unknownOperation, .operation(context.index), "unknown kernel")
        }
        let parameters = SIMD4(
            Double(try context.float(1)), Double(try context.float(2)), Double(try context.float(3)), 0)
        try context.require(vectors.shape.rank == 2 && vectors.count > 0, "support vectors are a matrix")
        let (count, features) = (vectors.shape[0], vectors.shape[1])
        let rows = x.count / features
        try context.require(x.count == rows * features && y.count == rows * count, "rows and vectors do not fit")
        let (source, table, target) = (x.elements(Float.self), vectors.elements(Float.self), y.elements(Float.self))
        return {
            for row in 0..<rows {
                for index in 0..<count {
                    let value = kernel.value(source + row * features, table + index * features, features, parameters)
                    target[row * count + index] = Float(value)
                }
            }
        }
    }

    /// `kernels[rows, vectors], coefficients[classes − 1, vectors], rho[pairs], counts[classes] (int32),
    /// labels[classes] (int64), probA[pairs]?, probB[pairs]? → label[rows] (int64), scores[rows, …]`, else float32.
    ///
    /// One vote for each pair of classes; the first class with the most wins. Scores are probabilities of the classes
    /// when probA and probB are there, else those of the pairs, or for two classes of both. Word: a ``ScoreTransform``.
    @Sendable static func classify(_ context: OperatorContext) throws(ImageError) -> PreparedOperator {
        try context.requireCounts(inputs: 7...7, outputs: 2...2)
        let kernels = try context.input(0, .float32)
        let counts = try context.input(3, .int32)
        let classes = counts.count
        try context.require(classes > 1 && classes < 1 << 12 && kernels.shape.rank == 2, "wrong number of classes")
        let (rows, vectors) = (kernels.shape[0], kernels.shape[1])
        let coefficients = try context.input(1, .float32)
        let rho = try context.input(2, .float32)
        let labels = try context.input(4, .int64)
        let pairs = classes * (classes - 1) / 2
        try context.require(
            coefficients.count >= (classes - 1) * vectors && rho.count >= pairs && labels.count == classes,
            "coefficients do not fit the vectors")
        try checkCounts(context, counts, vectors: vectors)
        let (probA, probB) = (context.optionalInput(5), context.optionalInput(6))
        for values in [probA, probB] {
            guard let values else { continue }
            try context.require(values.elementType == .float32 && values.count >= pairs, "too few prob_a or prob_b")
        }
        try context.require((probA == nil) == (probB == nil), .badOperand, "prob_a without prob_b")
        let width = probA != nil ? classes : classes > 2 ? pairs : 2
        let label = try context.output(0, .int64)
        let scores = try context.output(1, .float32)
        try context.require(label.count == rows && scores.count == rows * width, "scores do not fit the rows")
        let scratch = try context.scratch(PairwiseVote.scratchBytes(classes: classes))
        let vote = PairwiseVote(
            classes: classes, vectors: vectors, counts: counts.elements(Int32.self),
            coefficients: coefficients.elements(Float.self), rho: rho.elements(Float.self),
            probA: probA?.elements(Float.self), probB: probB?.elements(Float.self),
            transform: try ScoreOperators.scoreTransform(context, word: 0), width: width,
            scratch: scratch.assumingMemoryBound(to: Double.self))
        let (source, names) = (kernels.elements(Float.self), labels.elements(Int64.self))
        let (chosen, target) = (label.elements(Int64.self), scores.elements(Float.self))
        return {
            for row in 0..<rows {
                chosen[row] = names[vote.run(source + row * vectors, target + row * width)]
            }
        }
    }

    private static func checkCounts(
        _ context: OperatorContext, _ counts: TensorView, vectors: Int
    ) throws(ImageError) {
        try context.require(counts.isConstant, .badOperand, "the numbers of vectors must be constant")
        var sum = 0
        for index in 0..<counts.count {
            let count = Int(counts.elements(Int32.self)[index])
            try context.require(count >= 0, .badAttribute, "a negative number of vectors")
            sum += count
        }
        try context.require(sum <= vectors, .badAttribute, "more vectors are counted than there are")
    }
}

/// One-against-one classification, with the coupling of pairwise probabilities.
struct PairwiseVote {
    let classes: Int
    let vectors: Int
    let counts: UnsafeMutablePointer<Int32>
    let coefficients: UnsafeMutablePointer<Float>
    let rho: UnsafeMutablePointer<Float>
    let probA: UnsafeMutablePointer<Float>?
    let probB: UnsafeMutablePointer<Float>?
    let transform: ScoreTransform
    let width: Int
    let scratch: UnsafeMutablePointer<Double>

    static func scratchBytes(classes: Int) -> Int {
        8 * (classes * (classes - 1) / 2 + 2 * classes * classes + 3 * classes)
    }

    /// Scores a row; returns the winning class.
    func run(_ kernels: UnsafeMutablePointer<Float>, _ target: UnsafeMutablePointer<Float>) -> Int {
        let pairs = classes * (classes - 1) / 2
        let scores = scratch
        let votes = scratch + pairs
        let rest = votes + classes
        for index in 0..<classes { votes[index] = 0 }
        compare(kernels, scores, votes)
        var winner = 0
        for index in 1..<classes where votes[index] > votes[winner] { winner = index }
        var result = scores
        if let probA, let probB {
            result = couple(scores, probA, probB, rest)
            transform.apply(result, width)
        } else if classes == 2 {
            result = two(scores[0], rest)
        } else {
            transform.apply(scores, pairs)
        }
        for index in 0..<width { target[index] = Float(result[index]) }
        return winner
    }

    /// The scores of two classes from one, as ONNX Runtime has them.
    private func two(_ score: Double, _ room: UnsafeMutablePointer<Double>) -> UnsafeMutablePointer<Double> {
        switch transform {
        case .none: (room[0], room[1]) = (-score, score)
        case .logistic: (room[0], room[1]) = (ScoreTransform.logistic(-score), ScoreTransform.logistic(score))
        case .softmax, .softmaxZero, .probit: (room[0], room[1]) = (1 - score, score)
        }
        return room
    }

    private func compare(
        _ kernels: UnsafeMutablePointer<Float>, _ scores: UnsafeMutablePointer<Double>,
        _ votes: UnsafeMutablePointer<Double>
    ) {
        var pair = 0
        var firstStart = 0
        for first in 0..<classes - 1 {
            let firstCount = Int(counts[first])
            var secondStart = firstStart + firstCount
            for second in first + 1..<classes {
                let secondCount = Int(counts[second])
                var sum = Double(rho[pair])
                for index in firstStart..<firstStart + firstCount {
                    sum += Double(coefficients[(second - 1) * vectors + index]) * Double(kernels[index])
                }
                for index in secondStart..<secondStart + secondCount {
                    sum += Double(coefficients[first * vectors + index]) * Double(kernels[index])
                }
                scores[pair] = sum
                votes[sum > 0 ? first : second] += 1
                pair += 1
                secondStart += secondCount
            }
            firstStart += firstCount
        }
    }

    /// Probabilities of the classes from those of the pairs (Wu, Lin and Weng 2004, their second method).
    private func couple(
        _ scores: UnsafeMutablePointer<Double>, _ probA: UnsafeMutablePointer<Float>,
        _ probB: UnsafeMutablePointer<Float>, _ room: UnsafeMutablePointer<Double>
    ) -> UnsafeMutablePointer<Double> {
        let square = classes * classes
        let (r, q, p, product) = (room, room + square, room + 2 * square, room + 2 * square + classes)
        var pair = 0
        for first in 0..<classes - 1 {
            for second in first + 1..<classes {
                let odds = scores[pair] * Double(probA[pair]) + Double(probB[pair])
                let probability = min(max(1 - ScoreTransform.logistic(odds), 1e-7), 1 - 1e-7)
                r[first * classes + second] = probability
                r[second * classes + first] = 1 - probability
                pair += 1
            }
        }
        for row in 0..<classes {
            p[row] = 1 / Double(classes)
            q[row * classes + row] = 0
            for column in 0..<classes where column != row {
                let back = r[column * classes + row]
                q[row * classes + row] += back * back
                q[row * classes + column] = -back * r[row * classes + column]
            }
        }
        var sweeps = 0
        while sweeps < 100, improve(q, p, product) { sweeps += 1 }
        return p
    }

    /// One sweep of the iteration; false when the probabilities were good enough.
    private func improve(
        _ q: UnsafeMutablePointer<Double>, _ p: UnsafeMutablePointer<Double>, _ product: UnsafeMutablePointer<Double>
    ) -> Bool {
        var total = 0.0
        for row in 0..<classes {
            product[row] = 0
            for column in 0..<classes { product[row] += q[row * classes + column] * p[column] }
            total += p[row] * product[row]
        }
        var error = 0.0
        for row in 0..<classes { error = max(error, (product[row] - total).magnitude) }
        if error < 0.005 / Double(classes) { return false }
        for row in 0..<classes {
            let diagonal = q[row * classes + row]
            let change = (total - product[row]) / diagonal
            p[row] += change
            total = (total + change * (change * diagonal + 2 * product[row])) / (1 + change) / (1 + change)
            for column in 0..<classes {
                product[column] = (product[column] + change * q[row * classes + column]) / (1 + change)
                p[column] /= 1 + change
            }
        }
        return true
    }
}
