public import FleetModel

/// What became of one frame.
public enum SampleDecision: Hashable, Sendable {
    /// The policy holds this device out.
    case disabled
    /// The budget or the spool had no room: the frame took no part in the draw. Reports count these.
    case notOffered
    /// It took part and was not drawn.
    case passed
    /// It is to be kept; `probability` is the one with which it was drawn.
    case chosen(probability: Float)
}

/// Chooses frames for people: at random, more often where the model is unsure, within a byte budget.
///
/// A frame with margin m is drawn with p = min(1, floor + slope · (1 − m)), scaled down as the budget runs low (below).
/// Every frame keeps a chance, so that accuracy can be estimated without bias from 1/p weights (Horvitz and Thompson
/// 1952); choosing only the least certain frames was measured to be worse than random.
///
/// **The probability that is sent is the one that was used.** p depends on the frame's own margin and on what happened
/// before it, never on the draw itself, so weighting by 1/p stays unbiased although the budget links frames to one
/// another. A budget that simply ended would bias the estimate towards the times at which it was fresh; therefore the
/// bucket's last part, the *reserve*, scales p down linearly, and the stream goes on being sampled, ever more thinly.
/// Where p would fall below `leastProbability`, or the spool is full, the frame is not offered, and that is counted:
/// the estimate then speaks of the other frames, and the report says how many it leaves out.
public struct Sampler: Sendable {
    /// Below this a frame is not offered: one frame must not weigh more than 1,024 others.
    public static let leastProbability: Float = 1 / 1024
    /// Share of the burst below which p is scaled down.
    static let reserveShare = 0.5

    public private(set) var policy: SamplingPolicy
    public private(set) var bucket: TokenBucket

    /// Continues with a stored bucket, or begins with the burst.
    public init(policy: SamplingPolicy, bucket: TokenBucket? = nil, at now: Instant) {
        self.policy = policy
        let bucket = bucket ?? TokenBucket(level: Double(policy.burstBytes), at: now)
        // A bucket stored under a clock that was ahead fills from now on, not from then.
        self.bucket = TokenBucket(level: bucket.level, at: min(bucket.filledAt, now))
    }

    public mutating func adopt(_ policy: SamplingPolicy, at now: Instant) {
        refill(at: now)
        if policy.burstBytes > self.policy.burstBytes { bucket.grant(Double(policy.burstBytes)) }
        self.policy = policy
    }

    /// A new release runs: its first frames are worth the most, so the burst is available again.
    public mutating func releaseChanged(at now: Instant) {
        refill(at: now)
        bucket.grant(Double(policy.burstBytes))
    }

    /// Decides about one frame.
    ///
    /// - Parameters:
    ///   - margin: difference of the two highest probabilities, 0...1.
    ///   - cost: bytes that the sample would take.
    ///   - spoolHasRoom: whether it could be kept.
    ///   - uniform: drawn evenly from 0..<1, independent of everything else.
    public mutating func decide(
        margin: Float, cost: Int, spoolHasRoom: Bool, uniform: Double, at now: Instant
    ) -> SampleDecision {
        guard policy.enabled else { return .disabled }
        refill(at: now)
        let probability = self.probability(margin: margin, cost: cost)
        guard spoolHasRoom, probability >= Self.leastProbability else { return .notOffered }
        guard uniform < Double(probability) else { return .passed }
        bucket.take(Double(cost))
        return .chosen(probability: probability)
    }

    /// With which a frame of this margin and cost would be drawn now.
    func probability(margin: Float, cost: Int) -> Float {
        let wanted = policy.floor + policy.slope * (1 - min(max(margin, 0), 1))
        let left = bucket.level - Double(cost)
        guard left >= 0 else { return 0 }
        let reserve = max(Self.reserveShare * Double(policy.burstBytes), Double(cost))
        // `left` may be exactly 0: the last sample that fits is still possible, but hardly likely.
        return min(1, max(0, wanted)) * Float(min(1, left / reserve))
    }

    private mutating func refill(at now: Instant) {
        bucket.refill(
            bytesPerDay: Double(policy.bytesPerDay), capacity: Double(max(policy.bytesPerDay, policy.burstBytes)),
            at: now)
    }
}

/// Bytes that may be spent, refilled evenly over the day.
public struct TokenBucket: Hashable, Sendable {
    public private(set) var level: Double
    public private(set) var filledAt: Instant

    static let dayMilliseconds = 86_400_000.0

    public init(level: Double, at now: Instant) {
        self.level = level.isFinite ? max(0, level) : 0
        filledAt = now
    }

    /// Adds what the time since the last call brings. A clock that went back brings nothing.
    mutating func refill(bytesPerDay: Double, capacity: Double, at now: Instant) {
        let elapsed = Double(max(0, now.since(filledAt).milliseconds))
        filledAt = max(filledAt, now)
        level = min(max(capacity, 0), level + max(0, bytesPerDay) * elapsed / Self.dayMilliseconds)
    }

    mutating func take(_ bytes: Double) { level = max(0, level - bytes) }

    /// Raises the level to at least `bytes`.
    mutating func grant(_ bytes: Double) { level = max(level, bytes) }
}
