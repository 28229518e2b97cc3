extension Schema {
    /// Devices, the stations that they serve and what their slots should run and do run.
    static let fleet = """
        CREATE TABLE station (
            id TEXT PRIMARY KEY NOT NULL,
            description TEXT NOT NULL DEFAULT '',
            createdAt INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE device (
            id TEXT PRIMARY KEY NOT NULL,
            station TEXT REFERENCES station(id),
            hardware TEXT NOT NULL,
            signingKey BLOB NOT NULL,
            certificateSerial TEXT,
            createdAt INTEGER NOT NULL,
            revokedAt INTEGER,
            online INTEGER NOT NULL DEFAULT 0,
            boot TEXT,
            session INTEGER NOT NULL DEFAULT 0,
            lastSeen INTEGER,
            agentVersion TEXT,
            runtimeVersion TEXT,
            instructionSet TEXT,
            capabilities TEXT NOT NULL DEFAULT '[]',
            generation INTEGER NOT NULL DEFAULT 0,
            observedGeneration INTEGER NOT NULL DEFAULT 0,
            desired BLOB,
            publishedGeneration INTEGER NOT NULL DEFAULT 0
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX device_station ON device(station);
        CREATE INDEX device_unpublished ON device(id) WHERE generation <> publishedGeneration;

        CREATE TABLE device_tag (
            device TEXT NOT NULL REFERENCES device(id) ON DELETE CASCADE,
            key TEXT NOT NULL,
            value TEXT NOT NULL,
            PRIMARY KEY (device, key)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX device_tag_value ON device_tag(key, value, device);

        CREATE TABLE device_slot (
            device TEXT NOT NULL REFERENCES device(id) ON DELETE CASCADE,
            slot TEXT NOT NULL,
            desiredRelease BLOB,
            activation TEXT NOT NULL DEFAULT 'now',
            deadline INTEGER,
            rollout INTEGER,
            phase TEXT NOT NULL DEFAULT 'idle',
            target BLOB,
            progress REAL NOT NULL DEFAULT 0,
            failure TEXT,
            detail TEXT NOT NULL DEFAULT '',
            champion BLOB,
            previous BLOB,
            reportedAt INTEGER,
            PRIMARY KEY (device, slot)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX device_slot_champion ON device_slot(champion);
        CREATE INDEX device_slot_desired ON device_slot(desiredRelease);
        """
}
