"""Adapters for AWS: DynamoDB, Kinesis, S3 and Secrets Manager."""
