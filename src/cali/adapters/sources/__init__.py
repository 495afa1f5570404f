"""Sources of log lines: files, pipes, Kinesis records and kept raw logs."""
