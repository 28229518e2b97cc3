import DeviceCore
import FleetCrypto
import FleetModel
import FleetWire
import MQTTTransport

/// Renewal of the device's certificate: asked for over the live session, tried on a session of its own, and taken only once
/// it has connected. Until then the old identity and its session stay as they are.
extension DeviceHost {
    /// Pauses between two looks at the certificate, and before a new identity is tried: after a transfer, and after an
    /// attempt that the network ended.
    private static let renewalCheck: Int64 = 6 * 3_600_000
    private static let transferRetry: Int64 = 60_000
    package static let trialRetry: Int64 = 600_000
    /// Between two questions: a clock that is wrong by years must not make a flood of them.
    private static let renewalPause = 3_600_000_000

    /// Looks now and from then on whether the certificate nears its end.
    func watchCertificate() {
        guard let identity else { return }
        renewalTimer.map(loop.cancel)
        renewalTimer = loop.schedule(after: Self.renewalCheck) { [weak self] in self?.watchCertificate() }
        guard isConnected, trial == nil, identity.isDue(at: now()) else { return }
        if identity.next != nil { return tryNextIdentity() }
        if let renewalAsked, clock.microseconds - renewalAsked < Self.renewalPause { return }
        renewalAsked = clock.microseconds
        do throws(CryptoError) {
            var request = RenewalRequest(certificateRequest: try identity.request())
            request.signature = try configuration.signingKey.sign(request.transcript(of: configuration.device))
            publish(.renew(configuration.device), request)
            note(.renewal("asked for the next certificate"))
        } catch {
            note(.problem("the certificate cannot be renewed: \(error.context)"))
        }
    }

    /// The controller's answer.
    func certificateArrived(_ message: RenewedCertificate) {
        guard let identity, trial == nil else { return }
        do throws(CryptoError) { try identity.keep(message.certificate) } catch {
            return note(.problem("the new certificate was refused: \(error.context)"))
        }
        tryNextIdentity()
    }

    /// Connects a second time, as the same device. A broker that takes the new certificate ends the old session by that;
    /// one that does not leaves it alone.
    private func tryNextIdentity() {
        trialTimer.map(loop.cancel)
        trialTimer = nil
        guard let identity, let tls = identity.next, trial == nil else { return }
        guard isConnected, slots.values.allSatisfy({ $0.pull == nil }) else {
            // Not in the middle of a transfer.
            return tryNextIdentity(after: Self.transferRetry)
        }
        do throws(MQTTError) {
            let link = try makeLink(tls: tls, isTrial: true)
            trial = link
            link.connect()
        } catch {
            note(.problem("the new certificate cannot be tried now: \(error)"))
            tryNextIdentity(after: Self.trialRetry)
        }
    }

    private func tryNextIdentity(after milliseconds: Int64) {
        trialTimer.map(loop.cancel)
        trialTimer = loop.schedule(after: milliseconds) { [weak self] in
            self?.trialTimer = nil
            self?.tryNextIdentity()
        }
    }

    /// What happens to the session that tries the new identity.
    func trialReceived(_ event: MQTTEvent, _ generation: Int) {
        guard let identity, let link = trial else { return }
        switch event {
        case .connected:
            trial = nil
            do throws(CryptoError) { try identity.promote() } catch {
                note(.problem("the new certificate works and was not stored: \(error.context)"))
            }
            // The library reads the files at every connection, and these have their old names again.
            link.setTLS(identity.usable)
            adopt(link, generation)
            note(.renewal("connected with a new certificate"))
        case .disconnected(let reason, _):
            trial = nil
            let wasTurnedAway = link.wasTurnedAway
            link.disconnect(flushMilliseconds: 0)
            if wasTurnedAway {
                identity.discard()
                note(.problem("the broker refused the new certificate, the old one stays: \(reason)"))
            } else {
                // The network's fault: the controller gives few certificates, and this one may be good.
                note(.problem("the new certificate could not be tried, and is kept: \(reason)"))
                tryNextIdentity(after: Self.trialRetry)
            }
        case .message, .subscribed, .refused: break
        }
    }
}
