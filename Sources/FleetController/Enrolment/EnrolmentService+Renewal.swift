import FleetCrypto
import FleetModel
import FleetStore
import FleetWire
import Foundation
import GRDB
import Logging

extension EnrolmentService {
    /// Gives a device its next certificate. Its last one keeps working until it ends or the device is revoked: the device
    /// may not get this one, or may not be able to use it.
    ///
    /// The broker is not believed, and an old certificate is not enough: the request is signed with the key of receipts
    /// that the device has now, which a replacement of its identity changes.
    ///
    /// - Parameter device: whose topic the request came on.
    /// - Throws: `badSignature` if somebody else asks; people have been told then.
    func renew(_ device: DeviceID, _ message: RenewalRequest) async throws -> RenewedCertificate {
        guard let authority = pki.authority else {
            throw ControllerError(.unavailable, "this controller issues no certificates")
        }
        let request = try CertificateRequest(pem: message.certificateRequest)
        guard request.commonName == device.text else {
            throw ControllerError(.invalid, "\(device) asked for a certificate as '\(request.commonName)'")
        }
        let now = context.now()
        do {
            // Whoever is nobody does not take the writer.
            try await context.read { _ = try Self.signer(of: message, device, $0) }
            return RenewedCertificate(certificate: try await certify(device, request, message, authority, at: now))
        } catch let error as ControllerError where error.code == .badSignature {
            await tellForgedRenewal(device, error)
            throw error
        }
    }

    private func certify(
        _ device: DeviceID, _ request: CertificateRequest, _ message: RenewalRequest,
        _ authority: any DeviceAuthority, at now: Instant
    ) async throws -> String {
        let key = try request.keyDigest
        return try await context.write { database, changes in
            // Here and not only before: a replacement may have come in between.
            var record = try Self.signer(of: message, device, database)
            if let given = try Self.given(database, device, key, at: now) { return given }
            try Self.requireRoom(database, device, at: now)
            let certificate = try authority.certify(device, request)
            let pem = try certificate.pem()
            try DeviceCertificateRecord(
                serial: certificate.serial, device: device, issuedAt: now, expiresAt: certificate.notAfter,
                keyDigest: key, certificate: pem
            ).insert(database)
            try Self.use(database, &record, certificate, at: now)
            let entry = try AuditChain.append(
                to: database, at: now, caller: .controller, command: "devices.renew", subject: device.text,
                detail: ["serial": certificate.serial], reason: "the device asked for it")
            changes.append(contentsOf: [ChangeEvent(.device, device), ChangeEvent(.audit, entry.number)])
            return pem
        }
    }

    /// The device, if the request is signed with its key of receipts.
    private static func signer(
        of message: RenewalRequest, _ device: DeviceID, _ database: Database
    ) throws -> DeviceRecord {
        guard let record = try DeviceRecord.fetchOne(database, key: device), record.revokedAt == nil else {
            throw ControllerError(.wrongState, "\(device) is revoked")
        }
        let isSigned = VerificationKey.check(
            [UInt8](record.signingKey), message.signature, message.transcript(of: device))
        guard isSigned else {
            throw ControllerError(
                .badSignature, "a renewal for \(device) is not signed with the device's key of receipts",
                hint: "if its identity was replaced, whoever has the old one tried to renew it")
        }
        return record
    }

    /// What this key was given before, while most of its life is left: the answer may have been lost, or the device could
    /// not try it yet.
    private static func given(
        _ database: Database, _ device: DeviceID, _ key: Digest, at now: Instant
    ) throws -> String? {
        let records = try DeviceCertificateRecord.filter(Column("device") == device && Column("keyDigest") == key)
            .filter(Column("revokedAt") == nil && Column("expiresAt") > now)
            .order(Column("issuedAt").desc).fetchAll(database)
        return records.first { $0.expiresAt.since(now).milliseconds > now.since($0.issuedAt).milliseconds }?.certificate
    }

    /// Log, audit and alert, at most once a while for each device.
    private func tellForgedRenewal(_ device: DeviceID, _ error: ControllerError) async {
        let now = context.now()
        guard let count = refusals.note("renewal/\(device)", at: now) else { return }
        context.logger.warning("refused a renewal", metadata: ["device": "\(device)"])
        let condition = AlertCondition(
            fingerprint: "renewal/\(device)", kind: .identity, severity: .critical, subject: device.text,
            title: "A renewal for \(device) was refused",
            reason: "\(error.message) (\(count) since it was last told)",
            action: "Somebody has an old identity of the device, or forges messages at the broker. See who reaches the "
                + "broker; if the device itself asked, give it a new identity (martlet device claim --replace).")
        do {
            try await context.write { database, changes in
                let entry = try AuditChain.append(
                    to: database, at: now, caller: .controller, command: "devices.renewRefused",
                    subject: device.text, detail: ["code": "notSigned"], reason: error.message)
                changes.append(ChangeEvent(.audit, entry.number))
                try AlertBook.open(database, condition, at: now, changes: &changes)
            }
        } catch {
            context.logger.error("alert not recorded", metadata: ["error": "\(error)"])
        }
    }

    /// A device that keeps asking is broken, or somebody's.
    private static func requireRoom(_ database: Database, _ device: DeviceID, at now: Instant) throws {
        let since = Instant(milliseconds: now.milliseconds - EnrolmentLimits.renewalWindow.milliseconds)
        let recent = DeviceCertificateRecord.filter(Column("device") == device && Column("issuedAt") > since)
        guard try recent.fetchCount(database) < EnrolmentLimits.renewals else {
            throw ControllerError(
                .limitReached, "\(device) was given \(EnrolmentLimits.renewals) certificates within a day",
                hint: "look at the agent's log; if the device is not yours any more, revoke it")
        }
    }

    /// The new certificate is the one that people are shown; one from before certificates were counted is noted now, so
    /// that revoking the device ends it too.
    private static func use(
        _ database: Database, _ record: inout DeviceRecord, _ certificate: Certificate, at now: Instant
    ) throws {
        if let last = record.certificateSerial, try !DeviceCertificateRecord.exists(database, key: last) {
            try DeviceCertificateRecord(
                serial: last, device: record.id, issuedAt: record.createdAt, expiresAt: certificate.notAfter
            ).insert(database)
        }
        record.certificateSerial = certificate.serial
        try record.update(database, columns: ["certificateSerial"])
    }
}
