extension Schema {
    /// What devices send. The keys (device, boot, sequence) are what makes delivery exactly-once.
    static let telemetry = """
        CREATE TABLE receipt (
            device TEXT NOT NULL REFERENCES device(id),
            slot TEXT NOT NULL,
            release BLOB NOT NULL,
            committedAt INTEGER NOT NULL,
            image BLOB NOT NULL,
            model TEXT NOT NULL,
            number INTEGER NOT NULL,
            counter INTEGER NOT NULL,
            goldenError REAL NOT NULL,
            latency INTEGER NOT NULL,
            instructionSet TEXT NOT NULL,
            runtimeVersion TEXT NOT NULL,
            message BLOB NOT NULL,
            receivedAt INTEGER NOT NULL,
            PRIMARY KEY (device, slot, release, committedAt)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX receipt_release ON receipt(release, device);
        CREATE INDEX receipt_version ON receipt(model, number, device);

        CREATE TABLE report (
            device TEXT NOT NULL REFERENCES device(id),
            boot TEXT NOT NULL,
            sequence INTEGER NOT NULL,
            slot TEXT NOT NULL,
            release BLOB NOT NULL,
            image BLOB NOT NULL,
            model TEXT NOT NULL,
            number INTEGER NOT NULL,
            startedAt INTEGER NOT NULL,
            endedAt INTEGER NOT NULL,
            inferences INTEGER NOT NULL,
            errors INTEGER NOT NULL,
            uncertain INTEGER NOT NULL,
            confidenceMean REAL NOT NULL,
            samplesOffered INTEGER NOT NULL,
            samplesChosen INTEGER NOT NULL,
            samplesDropped INTEGER NOT NULL,
            reportsDropped INTEGER NOT NULL,
            payload BLOB NOT NULL,
            receivedAt INTEGER NOT NULL,
            PRIMARY KEY (device, boot, sequence)
        ) STRICT;
        CREATE INDEX report_window ON report(device, slot, release, endedAt);
        CREATE INDEX report_release ON report(release, endedAt);
        CREATE INDEX report_received ON report(receivedAt);

        CREATE TABLE sample (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            device TEXT NOT NULL REFERENCES device(id),
            boot TEXT NOT NULL,
            sequence INTEGER NOT NULL,
            slot TEXT NOT NULL,
            release BLOB NOT NULL,
            model TEXT NOT NULL,
            number INTEGER NOT NULL,
            capturedAt INTEGER NOT NULL,
            receivedAt INTEGER NOT NULL,
            tag TEXT NOT NULL,
            probability REAL NOT NULL,
            kind TEXT NOT NULL,
            frame BLOB NOT NULL,
            frameDigest BLOB NOT NULL,
            scores BLOB NOT NULL,
            predictedClass TEXT NOT NULL,
            confidence REAL NOT NULL,
            margin REAL NOT NULL,
            station TEXT,
            tags TEXT NOT NULL,
            verdict TEXT,
            verdictClass TEXT,
            annotatedAt INTEGER,
            UNIQUE (device, boot, sequence)
        ) STRICT;
        CREATE INDEX sample_release ON sample(release, device);
        CREATE INDEX sample_version ON sample(model, number, annotatedAt);
        CREATE INDEX sample_frame ON sample(frameDigest);
        CREATE INDEX sample_open ON sample(margin, id) WHERE verdict IS NULL;

        CREATE TABLE sample_part (
            device TEXT NOT NULL REFERENCES device(id),
            boot TEXT NOT NULL,
            sequence INTEGER NOT NULL,
            part INTEGER NOT NULL,
            partCount INTEGER NOT NULL,
            payload BLOB NOT NULL,
            receivedAt INTEGER NOT NULL,
            PRIMARY KEY (device, boot, sequence, part)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX sample_part_received ON sample_part(receivedAt);

        CREATE TABLE stream_cursor (
            device TEXT NOT NULL REFERENCES device(id),
            boot TEXT NOT NULL,
            stream TEXT NOT NULL,
            highest INTEGER NOT NULL,
            holes TEXT NOT NULL DEFAULT '',
            received INTEGER NOT NULL DEFAULT 0,
            duplicates INTEGER NOT NULL DEFAULT 0,
            updatedAt INTEGER NOT NULL,
            PRIMARY KEY (device, boot, stream)
        ) STRICT, WITHOUT ROWID;
        """

    /// Parts of samples begin with a mark that says whether they are sealed; those without one come again, as nobody
    /// acknowledged them.
    static let markedParts = "DELETE FROM sample_part;"

    /// What devices' agents say of themselves, line by line.
    static let deviceLog = """
        CREATE TABLE device_log (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            device TEXT NOT NULL REFERENCES device(id),
            boot TEXT NOT NULL,
            sequence INTEGER NOT NULL,
            line INTEGER NOT NULL,
            at INTEGER NOT NULL,
            severity TEXT NOT NULL,
            count INTEGER NOT NULL,
            text TEXT NOT NULL,
            dropped INTEGER NOT NULL,
            receivedAt INTEGER NOT NULL,
            UNIQUE (device, boot, sequence, line)
        ) STRICT;
        CREATE INDEX device_log_device ON device_log(device, id);
        CREATE INDEX device_log_received ON device_log(receivedAt);
        """
}
