/// What follows from a step of a rollout once its transaction is committed.
struct RolloutEffects: Sendable {
    var changes: [ChangeEvent] = []
    /// A device's desired document changed.
    var mustDeliver = false
}
