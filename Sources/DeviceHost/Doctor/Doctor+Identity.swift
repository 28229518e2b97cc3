import FleetCrypto
import FleetModel
import Glibc

/// Keys and certificates.
extension Doctor {
    /// Files that only their owner may read.
    private static let identityFiles = ["device.conf", "ca.pem", "cert.pem", "root.pub"]
    static let tokenAdvice =
        "see that the token is there, that openssl.cnf loads its provider, and that the PIN is right: "
        + "`openssl storeutl -keys URI`, as this account"

    /// Whether every file of an identity is there, readable here and closed to others.
    mutating func checkKeys(in folder: String, _ key: KeyLocation) {
        var isGood = true
        let secrets = key.isURI ? ["signing.pem"] : ["key.pem", "signing.pem"]
        for name in Self.identityFiles + secrets {
            let path = "\(folder)/\(name)"
            var status = stat()
            guard stat(path, &status) == 0 else {
                isGood = false
                let advice = "copy the folder that `martlet device provision` wrote, whole"
                note(.problem("keys", "\(path): \(String(cString: strerror(errno)))", advice: advice))
                continue
            }
            guard access(path, R_OK) == 0 else {
                isGood = false
                note(.problem("keys", "\(path) cannot be read here", advice: "chown \(Self.account) \(path)"))
                continue
            }
            if secrets.contains(name), status.st_mode & 0o077 != 0 {
                isGood = false
                let mode = String(status.st_mode & 0o777, radix: 8)
                let text = "\(path) holds a secret and others may read it (mode \(mode))"
                note(.problem("keys", text, advice: "chmod 600 \(path); if others may have read it, provision anew"))
            }
        }
        if isGood { note(.ok("keys", "\(folder): complete, secrets are closed to others")) }
        guard key.isURI else { return }
        do throws(CryptoError) {
            _ = try PrivateKey(at: key)
            note(.ok("token", "\(key): opened"))
        } catch {
            note(.problem("token", error.context, advice: Self.tokenAdvice))
        }
    }

    /// The account that this process runs under.
    private static var account: String { getpwuid(geteuid()).map { String(cString: $0.pointee.pw_name) } ?? "root" }

    /// Whether certificate, key and authority belong together, name this device and are valid now.
    mutating func checkCertificates(in folder: String, _ location: KeyLocation, device: DeviceID?, at now: Instant) {
        let provision = "provision the device anew: `martlet device provision`"
        let certificate: Certificate
        let authority: Certificate
        do throws(CryptoError) {
            authority = try Certificate(pemFile: "\(folder)/ca.pem")
            certificate = try Certificate(pemFile: "\(folder)/cert.pem")
            let key = try PrivateKey(at: location)
            _ = try SigningKey(pemFile: "\(folder)/signing.pem")
            guard certificate.matches(key) else {
                return note(
                    .problem(
                        "certificate",
                        "cert.pem and \(location.isURI ? "\(location)" : "key.pem") do not belong together",
                        advice: provision))
            }
        } catch {
            return note(.problem("certificate", error.context, advice: provision))
        }
        guard certificate.isSigned(by: authority) else {
            return note(.problem("certificate", "cert.pem was not issued by ca.pem's authority", advice: provision))
        }
        if let device, certificate.commonName != device.text {
            let text = "cert.pem is \(certificate.commonName)'s, device.conf says \(device)"
            return note(.problem("certificate", text, advice: "copy one device's folder, whole"))
        }
        for (name, one) in [("cert.pem", certificate), ("ca.pem", authority)] {
            note(Self.validity(of: one, name, at: now))
        }
    }

    static func validity(of certificate: Certificate, _ name: String, at now: Instant) -> Finding {
        let renew = "renew it; on the controller: `martlet device provision`"
        let day = Interval.days(1).milliseconds
        guard now >= certificate.notBefore else {
            return .problem(
                "certificate", "\(name) is not valid yet", advice: "set the clock; then look again")
        }
        guard now < certificate.notAfter else {
            let days = now.since(certificate.notAfter).milliseconds / day
            return .problem("certificate", "\(name) expired \(days) days ago", advice: renew)
        }
        let days = certificate.notAfter.since(now).milliseconds / day
        guard days > renewalDays else {
            return .warning("certificate", "\(name) expires in \(days) days", advice: renew)
        }
        return .ok("certificate", "\(name) is valid for \(days) days")
    }
}
