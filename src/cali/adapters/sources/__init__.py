"""Sources of log lines: files, pipes, Kinesis records and stored raw logs."""
