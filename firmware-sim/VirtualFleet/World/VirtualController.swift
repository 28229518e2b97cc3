import FleetController
import FleetModel
import FleetStore
import FleetWire
import Foundation
import GRDB
import Logging
import MQTTTransport
import RolloutCore
import Sketches
import Synchronization

/// One simulated machine with the real controller on it: ingest, delivery and rollouts over the real schema, on a
/// SQLite file on simulated flash.
///
/// `@unchecked Sendable`: a world is worked on by one task at a time; what the controller's own tasks touch is under a
/// lock.
final class VirtualController: @unchecked Sendable {
    /// What the controller has to do at the next opportunity.
    enum Step: Hashable {
        case ingest, deliver, deltas, tick, judge
        case rollout(PlannedRollout)
    }

    let flash = Flash()
    private(set) var store: FleetStore?
    private unowned let world: World
    private let mount: String
    private let folder: String
    private var stepped: SteppedController?
    private var link: VirtualLink?
    private var steps: [Step] = []
    private var isIngestDue = false
    private var life = 0
    private var chance: SeededGenerator
    /// What the controller publishes during a step, from any of its tasks.
    private let outgoing = Mutex<[(topic: Topic, payload: [UInt8])]>([])
    private let isLinked = Mutex(false)
    private let clock = ControllerClock()
    private var isCutOff = false
    private(set) var offTime: Int64 = 1000
    private var wantsPower = true

    init(world: World, mount: String) {
        self.world = world
        self.mount = mount
        folder = FlashVFS.mount(flash, as: mount)
        flash.install(world.fixture.database, as: "\(folder)/\(FleetStore.fileName)")
        chance = SeededGenerator(seed: world.seed, name: "controller")
        gather = chance.pick(200...4000)
    }

    deinit { FlashVFS.unmount(mount) }

    /// Milliseconds that messages wait to share a transaction: a quick controller, or one that is busy with others.
    private let gather: Int64

    /// Milliseconds between two looks at rollouts.
    private static let round: Int64 = 10_000

    var isUp: Bool { stepped != nil }

    // MARK: Power

    func boot() {
        guard stepped == nil, wantsPower else { return }
        life += 1
        do {
            let store = try FleetStore(path: "\(folder)/\(FleetStore.fileName)")
            self.store = store
            var configuration = ControllerConfiguration(dataFolder: world.fixture.folder)
            configuration.devicePolicy = world.fixture.policy
            // A world sets its devices' clocks itself.
            configuration.timeInterval = .seconds(0)
            stepped = SteppedController(
                configuration: configuration, store: store, blobs: world.fixture.blobs, network: network(),
                logger: Self.silent, bugs: world.bugs, now: { [clock] in clock.now })
            connect()
            repeatSteps(life)
        } catch {
            store = nil
            if !flash.isDead {
                world.checker.found("the controller's database cannot be opened: \(error)", device: nil)
            }
            world.queue.schedule(after: 3000) { [weak self] in self?.boot() }
        }
        if flash.isDead { losePower() }
    }

    private static let silent = Logger(label: "virtual") { _ in SwiftLogNoOpLogHandler() }

    func powerOff(for time: Int64) { offTime = time }

    func cutPower() {
        flash.kill()
        losePower()
    }

    func losePower() {
        world.trace(.powerLost, -1) { "the controller loses power" }
        shutDown()
        flash.powerUp(&chance)
        world.queue.schedule(after: offTime) { [weak self] in self?.boot() }
    }

    private func shutDown() {
        life += 1
        link?.close()
        link = nil
        stepped = nil
        try? store?.close()
        store = nil
        steps.removeAll()
        isIngestDue = false
        isLinked.withLock { $0 = false }
    }

    func end() {
        wantsPower = false
        flash.kill()
        shutDown()
    }

    func partition(_ isCutOff: Bool) {
        self.isCutOff = isCutOff
        link?.cutOff(isCutOff)
    }

    /// The connection breaks and comes back: the controller looks at what the broker holds.
    func reconnect() { link?.drop() }

    // MARK: Network

    private func network() -> SteppedController.Network {
        SteppedController.Network(
            isConnected: { [weak self] in self?.isLinked.withLock { $0 } ?? false },
            publish: { [weak self] topic, payload in
                guard let self, isLinked.withLock({ $0 }) else { return false }
                outgoing.withLock { $0.append((topic, payload)) }
                return true
            },
            retained: { [weak self] filters in
                guard let self else { return [] }
                let broker = world.broker
                return filters.flatMap { broker.retainedTopics($0) }.map { ($0, broker.retained[$0] ?? []) }
            })
    }

    private func connect() {
        let topics = Topics()
        let link = VirtualLink(
            client: "controller", will: nil, queue: world.queue, broker: world.broker, seed: chance.next()
        ) { [weak self] event in
            self?.hear(event, topics)
        }
        self.link = link
        if isCutOff { link.cutOff(true) }
        link.subscribe([topics.allUp], qos: .atLeastOnce)
        link.connect()
    }

    private func hear(_ event: MQTTEvent, _ topics: Topics) {
        guard let stepped, !flash.isDead else { return }
        switch event {
        case .connected:
            isLinked.withLock { $0 = true }
            stepped.connected()
            add(.deliver)
        case .disconnected: isLinked.withLock { $0 = false }
        case .message(let message):
            guard let topic = try? topics.parse(message.topic), IsFromDevice.topic(topic) else { return }
            clock.set(world.now)
            stepped.receive(topic, message.payload)
            ingestSoon()
        case .subscribed, .refused: break
        }
    }

    private func ingestSoon() {
        guard !isIngestDue else { return }
        isIngestDue = true
        let life = life
        world.queue.schedule(after: gather) { [weak self] in
            guard let self, self.life == life else { return }
            isIngestDue = false
            add(.ingest)
        }
    }

    // MARK: Steps

    func add(_ step: Step) { if !steps.contains(step) { steps.append(step) } }

    /// What comes round by itself.
    private func repeatSteps(_ life: Int) {
        world.queue.schedule(after: Self.round) { [weak self] in
            guard let self, self.life == life else { return }
            add(.tick)
            if world.plan.isScenario { add(.judge) }
            add(.deltas)
            if (world.queue.now / Self.round) % 2 == 0 { add(.deliver) }
            repeatSteps(life)
        }
    }

    var hasWork: Bool { !steps.isEmpty }

    /// Does what is due. Called between events; nothing else happens meanwhile.
    func work() async {
        while !steps.isEmpty, let stepped {
            let step = steps.removeFirst()
            let life = life
            clock.set(world.now)
            do {
                try await perform(step, stepped)
            } catch {
                if !flash.isDead { world.checker.controllerFailed("\(error)") }
            }
            if stepped.waiting > 0 { add(.ingest) }
            if stepped.takeDeliveryDue() { add(.deliver) }
            flushOutgoing()
            guard self.life == life else { return }
            if flash.isDead { losePower() }
        }
    }

    private func perform(_ step: Step, _ stepped: SteppedController) async throws {
        switch step {
        case .ingest: await stepped.ingestBatch()
        case .deliver: if isLinked.withLock({ $0 }) { try await stepped.deliver() }
        case .deltas: await stepped.makeDeltas()
        case .tick: try await stepped.tick()
        case .judge: await stepped.judge()
        case .rollout(let rollout): try await rollOut(rollout, stepped)
        }
    }

    private func rollOut(_ planned: PlannedRollout, _ stepped: SteppedController) async throws {
        let caller = Identity(name: "olga", role: .operator)
        let record = try await stepped.rollouts.create(
            RolloutRequest(
                release: ReleaseName(unchecked: planned.name), selector: planned.selector, waves: planned.waves),
            by: caller)
        _ = try await stepped.rollouts.start(record.id ?? 0, by: caller)
        world.trace(.rollout, -1) { "rollout of \(planned.name) starts" }
        if world.chronicle.started[planned.name] == nil { world.chronicle.started[planned.name] = world.queue.now }
    }

    /// Gives to the network what the step has published, in an order that does not depend on threads.
    private func flushOutgoing() {
        let messages = outgoing.withLock { messages in
            defer { messages = [] }
            return messages
        }
        guard !messages.isEmpty, let link else { return }
        let ordered = messages.enumerated().map { (rank: $1.topic.rank, text: Topics().text($1.topic), $0, $1) }
            .sorted { ($0.rank, $0.text, $0.2) < ($1.rank, $1.text, $1.2) }
        for (_, text, _, message) in ordered {
            if case .desired(let device) = message.topic { world.checker.desired(device, message.payload) }
            link.publish(
                topic: text, payload: message.payload, qos: .atLeastOnce, retain: message.topic.isRetained,
                priority: .control)
        }
    }
}

/// The controller's wall clock: set before each of its steps, read by any of its tasks.
private final class ControllerClock: Sendable {
    private let current = Mutex(Fixture.beginning)

    var now: Instant { current.withLock { $0 } }
    func set(_ instant: Instant) { current.withLock { $0 = instant } }
}

/// Which topics devices write.
enum IsFromDevice {
    static func topic(_ topic: Topic) -> Bool {
        switch topic {
        case .presence, .reported, .need, .fetch, .report, .sample, .log, .response: true
        default: false
        }
    }
}

extension Topic {
    /// What has to be there first: chunks before maps, manifests before those who want them.
    fileprivate var rank: Int {
        switch self {
        case .roles: 0
        case .chunk: 1
        case .blobMap: 2
        case .release: 3
        case .desired: 4
        default: 5
        }
    }
}
