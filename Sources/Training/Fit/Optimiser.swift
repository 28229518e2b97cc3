/// Adam with decoupled weight decay (D. P. Kingma, J. Ba, 2015; I. Loshchilov, F. Hutter, "Decoupled weight decay
/// regularization", 2019), β₁ 0.9, β₂ 0.999, ε 1e-8, and a moving average of the weights (B. T. Polyak,
/// A. B. Juditsky, 1992) whose decay grows to its final value, so that the first steps do not linger.
final class Optimiser {
    private let first: FloatBuffer
    private let second: FloatBuffer
    private let parameters: TrainerParameters
    private var step = 0
    /// The averaged weights; the weights themselves when averaging is off.
    let average: FloatBuffer

    init(_ network: Network, _ parameters: TrainerParameters) {
        let count = network.parameters.count
        self.parameters = parameters
        first = FloatBuffer(count: count)
        second = FloatBuffer(count: count)
        average = FloatBuffer(count: count)
        average.base.update(from: network.parameters.base, count: count)
    }

    /// One step against the network's gradient with this learning rate.
    func update(_ network: Network, learningRate: Float) {
        step += 1
        let count = network.parameters.count
        let weights = network.parameters.base
        let gradient = network.gradient.base
        let (m, v, averaged) = (first.base, second.base, average.base)
        let correction1 = 1 / (1 - power(0.9, step))
        let correction2 = 1 / (1 - power(0.999, step))
        let shrink = 1 - learningRate * parameters.weightDecay
        let decay = min(parameters.averaging, Float(1 + step) / Float(10 + step))
        for index in 0..<count {
            let g = gradient[index]
            m[index] = 0.9 * m[index] + 0.1 * g
            v[index] = 0.999 * v[index] + 0.001 * g * g
            let change = m[index] * correction1 / ((v[index] * correction2).squareRoot() + 1e-8)
            weights[index] = weights[index] * shrink - learningRate * change
            averaged[index] = decay * averaged[index] + (1 - decay) * weights[index]
        }
    }

    /// base^exponent without libm; exponents beyond any effect stop early.
    private func power(_ base: Float, _ exponent: Int) -> Float {
        var result: Float = 1
        var factor = base
        var rest = exponent
        while rest > 0 {
            if rest & 1 == 1 { result *= factor }
            factor *= factor
            rest >>= 1
        }
        return result
    }
}
