/// One line of a trainer's standard output: a JSON object. Other lines are kept in the log and mean nothing.
public struct TrainingProgress: Codable, Hashable, Sendable {
    /// What a line tells.
    public enum Event: String, Codable, Hashable, Sendable, CaseIterable {
        case started, epoch, fold, finished
    }

    public var event: Event
    /// Share of the work that is done, 0...1.
    public var progress: Double
    public var epoch: Int?
    public var epochs: Int?
    public var trainingLoss: Double?
    public var validationLoss: Double?
    public var validationAccuracy: Double?
    public var message: String?

    public init(
        event: Event, progress: Double, epoch: Int? = nil, epochs: Int? = nil, trainingLoss: Double? = nil,
        validationLoss: Double? = nil, validationAccuracy: Double? = nil, message: String? = nil
    ) {
        self.event = event
        self.progress = progress
        self.epoch = epoch
        self.epochs = epochs
        self.trainingLoss = trainingLoss
        self.validationLoss = validationLoss
        self.validationAccuracy = validationAccuracy
        self.message = message
    }
}
