import ModelImage
import ONNXFormat

/// The functions of a recurrent node: `activations`, `activation_alpha` and `activation_beta`.
struct RecurrentFunctions {
    private let functions: [RecurrentFunction]
    private let alphas: [Float]
    private let betas: [Float]
    /// Functions per direction.
    private let count: Int

    init(_ cell: RecurrentCell, _ node: ImportedNode) throws(Refusal) {
        let usual: [RecurrentFunction]
        switch cell {
        case .rnn: usual = [.tanh]
        case .gru: usual = [.sigmoid, .tanh]
        case .lstm: usual = [.sigmoid, .tanh, .tanh]
        }
        count = usual.count
        var functions: [RecurrentFunction] = []
        for name in try node.strings("activations") ?? [] {
            guard let function = Self.named[name.lowercased()] else { throw .invalid("activation \(name)") }
            functions.append(function)
        }
        self.functions = functions.isEmpty ? usual + usual : functions
        alphas = try node.floats("activation_alpha") ?? []
        betas = try node.floats("activation_beta") ?? []
    }

    private static let named: [String: RecurrentFunction] = Dictionary(
        uniqueKeysWithValues: RecurrentFunction.allCases.map { ("\($0)".lowercased(), $0) })

    /// Three functions per direction, of three words each.
    ///
    /// Numbers are handed out in order to the functions that take one; a function for which none is left has its own.
    func words(directions: Int) throws(Refusal) -> [Int32] {
        guard functions.count >= count * directions else {
            throw .invalid("\(functions.count) activations for \(directions) directions of \(count)")
        }
        var (alphas, betas) = (alphas[...], betas[...])
        var words: [Int32] = []
        for direction in 0..<directions {
            for slot in 0..<3 {
                guard slot < count else {
                    words += [RecurrentFunction.tanh.rawValue, 0, 0]
                    continue
                }
                let function = functions[direction * count + slot]
                let alpha = function.alpha.map { alphas.popFirst() ?? $0 } ?? 0
                let beta = function.beta.map { betas.popFirst() ?? $0 } ?? 0
                words += [function.rawValue, Int32(bitPattern: alpha.bitPattern), Int32(bitPattern: beta.bitPattern)]
            }
        }
        return words
    }
}

extension RecurrentFunction {
    /// What `alpha` is when the model does not say; nil where the function has none.
    fileprivate var alpha: Float? {
        switch self {
        case .affine, .thresholdedRelu, .scaledTanh, .elu: 1
        case .leakyRelu: 0.01
        case .hardSigmoid: 0.2
        case .sigmoid, .tanh, .relu, .softsign, .softplus: nil
        }
    }

    /// What `beta` is when the model does not say; nil where the function has none.
    fileprivate var beta: Float? {
        switch self {
        case .affine: 0
        case .scaledTanh: 1
        case .hardSigmoid: 0.5
        default: nil
        }
    }
}
