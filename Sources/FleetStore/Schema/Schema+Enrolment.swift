extension Schema {
    /// One-time claims, and every certificate that a device was given: all of them end with the device.
    static let enrolment = """
        CREATE TABLE enrolment_claim (
            id TEXT PRIMARY KEY NOT NULL,
            publicKey BLOB NOT NULL,
            pattern TEXT NOT NULL,
            station TEXT,
            tags TEXT NOT NULL DEFAULT '{}',
            replaces INTEGER NOT NULL DEFAULT 0,
            createdAt INTEGER NOT NULL,
            createdBy TEXT NOT NULL,
            expiresAt INTEGER NOT NULL,
            withdrawnAt INTEGER,
            usedAt INTEGER,
            device TEXT,
            keyDigest BLOB,
            certificate TEXT
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX enrolment_claim_created ON enrolment_claim(createdAt);

        CREATE TABLE device_certificate (
            serial TEXT PRIMARY KEY NOT NULL,
            device TEXT NOT NULL REFERENCES device(id) ON DELETE CASCADE,
            issuedAt INTEGER NOT NULL,
            expiresAt INTEGER NOT NULL,
            revokedAt INTEGER
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX device_certificate_device ON device_certificate(device, issuedAt);
        """

    /// The same key gets the same certificate again.
    static let renewal = """
        ALTER TABLE device_certificate ADD COLUMN keyDigest BLOB;
        ALTER TABLE device_certificate ADD COLUMN certificate TEXT;
        """
}
