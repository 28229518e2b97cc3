extension Schema {
    /// A withdrawn annotation stays in the history and counts no more. Inference counts of a version are asked for with
    /// each new estimate, from an index alone.
    static let withdrawal = """
        ALTER TABLE annotation ADD COLUMN withdrawnAt INTEGER;
        CREATE INDEX annotation_withdrawn ON annotation(withdrawnAt) WHERE withdrawnAt IS NOT NULL;
        CREATE INDEX report_version ON report(model, number, device, inferences);
        CREATE INDEX receipt_received ON receipt(receivedAt);
        CREATE INDEX sample_received ON sample(receivedAt) WHERE verdict IS NULL;
        """

    /// Annotations, datasets, training runs, retrain policies and what monitoring derives.
    static let learning = """
        CREATE TABLE annotation (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            sample INTEGER NOT NULL REFERENCES sample(id),
            verdict TEXT NOT NULL,
            className TEXT,
            identity TEXT NOT NULL,
            seconds REAL NOT NULL DEFAULT 0,
            createdAt INTEGER NOT NULL
        ) STRICT;
        CREATE INDEX annotation_sample ON annotation(sample, id);
        CREATE INDEX annotation_created ON annotation(createdAt);

        CREATE TABLE dataset (
            name TEXT PRIMARY KEY NOT NULL,
            description TEXT NOT NULL DEFAULT '',
            input TEXT NOT NULL,
            classes TEXT NOT NULL,
            createdAt INTEGER NOT NULL,
            createdBy TEXT NOT NULL
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE dataset_frame (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            dataset TEXT NOT NULL REFERENCES dataset(name),
            device TEXT NOT NULL,
            className TEXT NOT NULL,
            frame BLOB NOT NULL,
            tags TEXT NOT NULL,
            digest BLOB NOT NULL,
            createdAt INTEGER NOT NULL,
            UNIQUE (dataset, digest)
        ) STRICT;
        CREATE INDEX dataset_frame_device ON dataset_frame(dataset, device);

        CREATE TABLE dataset_version (
            dataset TEXT NOT NULL REFERENCES dataset(name),
            number INTEGER NOT NULL,
            digest BLOB NOT NULL,
            selector TEXT NOT NULL,
            includeAnnotations INTEGER NOT NULL,
            itemCount INTEGER NOT NULL,
            annotationCount INTEGER NOT NULL,
            note TEXT NOT NULL DEFAULT '',
            createdAt INTEGER NOT NULL,
            createdBy TEXT NOT NULL,
            PRIMARY KEY (dataset, number)
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE dataset_item (
            dataset TEXT NOT NULL,
            number INTEGER NOT NULL,
            ordinal INTEGER NOT NULL,
            frame INTEGER REFERENCES dataset_frame(id),
            sample INTEGER REFERENCES sample(id),
            className TEXT NOT NULL,
            device TEXT NOT NULL,
            PRIMARY KEY (dataset, number, ordinal),
            FOREIGN KEY (dataset, number) REFERENCES dataset_version(dataset, number),
            CHECK ((frame IS NULL) <> (sample IS NULL))
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX dataset_item_sample ON dataset_item(sample) WHERE sample IS NOT NULL;

        CREATE TABLE training_run (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            model TEXT NOT NULL,
            dataset TEXT NOT NULL,
            datasetVersion INTEGER NOT NULL,
            trainer TEXT NOT NULL,
            parameters TEXT NOT NULL DEFAULT '{}',
            state TEXT NOT NULL,
            progress REAL NOT NULL DEFAULT 0,
            metrics TEXT NOT NULL DEFAULT '{}',
            log TEXT NOT NULL DEFAULT '',
            reason TEXT NOT NULL DEFAULT '',
            policy TEXT,
            championModel TEXT,
            championNumber INTEGER,
            number INTEGER,
            failure TEXT,
            createdAt INTEGER NOT NULL,
            createdBy TEXT NOT NULL,
            startedAt INTEGER,
            endedAt INTEGER,
            FOREIGN KEY (dataset, datasetVersion) REFERENCES dataset_version(dataset, number)
        ) STRICT;
        CREATE INDEX training_run_state ON training_run(state);
        CREATE INDEX training_run_policy ON training_run(policy, createdAt);

        CREATE TABLE policy (
            name TEXT PRIMARY KEY NOT NULL,
            kind TEXT NOT NULL,
            document TEXT NOT NULL,
            enabled INTEGER NOT NULL,
            state TEXT NOT NULL DEFAULT '{}',
            updatedAt INTEGER NOT NULL,
            updatedBy TEXT NOT NULL
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE trigger_log (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            policy TEXT NOT NULL,
            trigger TEXT NOT NULL,
            fired INTEGER NOT NULL,
            reason TEXT NOT NULL,
            trainingRun INTEGER,
            createdAt INTEGER NOT NULL
        ) STRICT;
        CREATE INDEX trigger_log_policy ON trigger_log(policy, createdAt);

        CREATE TABLE drift_point (
            device TEXT NOT NULL,
            slot TEXT NOT NULL,
            release BLOB NOT NULL,
            feature TEXT NOT NULL,
            at INTEGER NOT NULL,
            psi REAL NOT NULL,
            threshold REAL NOT NULL,
            inferences INTEGER NOT NULL,
            PRIMARY KEY (device, slot, release, feature, at)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX drift_point_at ON drift_point(at);
        CREATE INDEX drift_point_release ON drift_point(release, feature, at);

        CREATE TABLE accuracy_estimate (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            groupKey TEXT NOT NULL,
            model TEXT NOT NULL,
            number INTEGER NOT NULL,
            estimate REAL NOT NULL,
            low REAL NOT NULL,
            high REAL NOT NULL,
            labels INTEGER NOT NULL,
            promised REAL NOT NULL,
            at INTEGER NOT NULL
        ) STRICT;
        CREATE INDEX accuracy_estimate_group ON accuracy_estimate(groupKey, model, number, at);
        """
}
