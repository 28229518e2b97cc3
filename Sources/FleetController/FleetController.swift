import FleetCrypto
public import FleetModel
public import FleetStore
import FleetWire
import Foundation
public import Logging
public import ServiceLifecycle

/// The controller: everything that HTTP API, console and command line can ask for.
///
/// Reading goes through `store.queries`; everything that changes something is a command of a service, takes the
/// identity that gives it and leaves an audit entry in the same transaction. `run()` connects to the broker and works
/// until it is told to stop; commands work without it, and their effects are delivered once it runs.
public final class FleetController: Service {
    public let configuration: ControllerConfiguration
    public let store: FleetStore
    public let blobs: BlobStore
    /// What changes, as it changes.
    public let events: EventHub

    public let devices: DeviceService
    public let enrolment: EnrolmentService
    public let models: ModelService
    public let agents: AgentService
    public let releases: ReleaseService
    public let rollouts: RolloutService
    public let samples: SampleService
    public let datasets: DatasetService
    public let training: TrainingService
    public let policies: PolicyService
    public let monitoring: MonitoringService
    public let alerts: AlertService
    public let webhooks: WebhookService
    public let audit: AuditService
    public let tokens: TokenService
    public let trust: TrustService

    let accuracy: AccuracyService
    let retraining: RetrainService
    let context: ControllerContext
    let delivering: Wakeup
    let attachment: BrokerAttachment?

    /// Opens the data folder and wires the services without a broker: for tests and for commands on the folder.
    ///
    /// - Parameters:
    ///   - pki: makes and ends devices' certificates.
    ///   - compile: ONNX → image; tests may pass their own.
    ///   - now: the wall clock; tests may pass their own.
    public convenience init(
        configuration: ControllerConfiguration, pki: any DevicePKI, compile: ImageCompiler? = nil, logger: Logger,
        now: @escaping @Sendable () -> Instant = { Instant.now() }
    ) throws {
        try self.init(
            configuration: configuration, pki: pki, link: nil, compile: compile, logger: logger, now: now)
    }

    init(
        configuration: ControllerConfiguration, pki: any DevicePKI, link: BrokerAttachment?,
        compile: ImageCompiler? = nil, logger: Logger, now: @escaping @Sendable () -> Instant = { Instant.now() }
    ) throws {
        attachment = link
        self.configuration = configuration
        store = try FleetStore(
            folder: configuration.dataFolder, frameKey: try configuration.frameKeyFile.map(FrameKeyFile.read))
        blobs = try BlobStore(folder: configuration.blobFolder)
        events = EventHub()
        let context = ControllerContext(
            configuration: configuration, store: store, blobs: blobs, events: events, logger: logger, now: now)
        self.context = context
        let delivering = Wakeup()
        self.delivering = delivering
        let deliver: @Sendable () -> Void = { delivering.wake() }
        devices = DeviceService(context: context, pki: pki, deliver: deliver)
        enrolment = EnrolmentService(context: context, pki: pki, deliver: deliver)
        agents = AgentService(context: context)
        models = ModelService(context: context, compile: compile ?? ONNXCompilation.compile)
        releases = ReleaseService(context: context)
        rollouts = RolloutService(context: context, deliver: deliver)
        samples = SampleService(context: context)
        datasets = DatasetService(context: context)
        training = TrainingService(context: context, models: models, datasets: datasets)
        accuracy = AccuracyService(context: context)
        retraining = RetrainService(
            context: context, training: training, datasets: datasets, releases: releases, rollouts: rollouts)
        policies = PolicyService(
            context: context, validateRetrain: { _ = try RetrainDocument(document: $0) }, deliver: deliver)
        monitoring = MonitoringService(context: context)
        alerts = AlertService(context: context)
        webhooks = WebhookService(context: context)
        audit = AuditService(context: context)
        tokens = TokenService(context: context)
        trust = TrustService(context: context, deliver: deliver)
    }
}
