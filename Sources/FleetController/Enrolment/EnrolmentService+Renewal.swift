import FleetCrypto
import FleetModel
import FleetStore
import FleetWire
import Foundation
import GRDB

extension EnrolmentService {
    /// Gives a device its next certificate. Its last one keeps working until it ends or the device is revoked: the device
    /// may not get this one, or may not be able to use it.
    ///
    /// - Parameter device: whose topic the request came on, which only its own identity may write.
    func renew(_ device: DeviceID, _ message: RenewalRequest) async throws -> RenewedCertificate {
        guard let authority = pki.authority else {
            throw ControllerError(.unavailable, "this controller issues no certificates")
        }
        let request = try CertificateRequest(pem: message.certificateRequest)
        guard request.commonName == device.text else {
            throw ControllerError(.invalid, "\(device) asked for a certificate as '\(request.commonName)'")
        }
        let now = context.now()
        let certificate = try await context.write { database, changes in
            try Self.requireRoom(database, device, at: now)
            let certificate = try authority.certify(device, request)
            try DeviceCertificateRecord(
                serial: certificate.serial, device: device, issuedAt: now, expiresAt: certificate.notAfter
            ).insert(database)
            try Self.use(database, device, certificate, at: now)
            let entry = try AuditChain.append(
                to: database, at: now, caller: .controller, command: "devices.renew", subject: device.text,
                detail: ["serial": certificate.serial], reason: "the device asked for it")
            changes.append(contentsOf: [ChangeEvent(.device, device), ChangeEvent(.audit, entry.number)])
            return certificate
        }
        return RenewedCertificate(certificate: try certificate.pem())
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
        _ database: Database, _ device: DeviceID, _ certificate: Certificate, at now: Instant
    ) throws {
        guard var record = try DeviceRecord.fetchOne(database, key: device), record.revokedAt == nil else {
            throw ControllerError(.wrongState, "\(device) is revoked")
        }
        if let last = record.certificateSerial, try !DeviceCertificateRecord.exists(database, key: last) {
            try DeviceCertificateRecord(
                serial: last, device: device, issuedAt: record.createdAt, expiresAt: certificate.notAfter
            ).insert(database)
        }
        record.certificateSerial = certificate.serial
        try record.update(database, columns: ["certificateSerial"])
    }
}
