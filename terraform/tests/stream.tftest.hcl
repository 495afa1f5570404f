# Mission, rows "Kinesis stream", "Firehose 1", "Firehose 2".

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  search_cidrs = ["203.0.113.7/32"]
}

run "the_log_stream_has_one_provisioned_shard_and_keeps_a_day" {
  command = plan

  assert {
    condition     = aws_kinesis_stream.logs.name == "cali-logs-stream"
    error_message = "the stream must be called cali-logs-stream"
  }

  assert {
    condition     = aws_kinesis_stream.logs.shard_count == 1 && aws_kinesis_stream.logs.stream_mode_details[0].stream_mode == "PROVISIONED"
    error_message = "the stream must have 1 provisioned shard"
  }

  assert {
    condition     = aws_kinesis_stream.logs.retention_period == 24
    error_message = "the stream must keep 24 hours"
  }

  assert {
    condition = alltrue([for stream in [aws_kinesis_stream.logs, aws_kinesis_stream.incidents] :
    stream.encryption_type == "KMS" && stream.kms_key_id == "alias/aws/kinesis"])
    error_message = "both streams must be encrypted"
  }

  assert {
    condition     = aws_kinesis_stream.incidents.name == "cali-incidents-stream" && aws_kinesis_stream.incidents.shard_count == 1
    error_message = "the stream of incidents must be called cali-incidents-stream and have 1 shard"
  }
}

run "an_on_demand_stream_has_no_shard_count" {
  command = plan

  variables {
    stream_mode = "ON_DEMAND"
  }

  assert {
    condition     = aws_kinesis_stream.logs.shard_count == null && aws_kinesis_stream.logs.stream_mode_details[0].stream_mode == "ON_DEMAND"
    error_message = "ON_DEMAND must leave shards to AWS"
  }
}

run "firehose_1_brings_raw_lines_to_s3" {
  command = plan

  assert {
    condition     = aws_kinesis_firehose_delivery_stream.raw.extended_s3_configuration[0].prefix == "raw/dt=!{timestamp:yyyy-MM-dd}/"
    error_message = "raw lines must go to raw/dt=YYYY-MM-DD/"
  }

  assert {
    condition = (
      aws_kinesis_firehose_delivery_stream.raw.extended_s3_configuration[0].buffering_interval == 60
      && aws_kinesis_firehose_delivery_stream.raw.extended_s3_configuration[0].buffering_size == 5
    )
    error_message = "raw lines must be buffered for 60 s or 5 MB"
  }

  assert {
    condition     = aws_kinesis_firehose_delivery_stream.raw.extended_s3_configuration[0].compression_format == "GZIP"
    error_message = "raw lines must be compressed with GZIP"
  }

  assert {
    condition     = aws_kinesis_firehose_delivery_stream.raw.extended_s3_configuration[0].processing_configuration[0].processors[0].type == "AppendDelimiterToRecord"
    error_message = "a newline must stand between two records"
  }

  assert {
    condition     = startswith(aws_kinesis_firehose_delivery_stream.raw.extended_s3_configuration[0].error_output_prefix, "firehose-failed/")
    error_message = "what cannot be delivered must go to firehose-failed/"
  }
}

run "firehose_2_brings_enriched_lines_to_opensearch" {
  command = plan

  assert {
    condition     = aws_kinesis_firehose_delivery_stream.search.destination == "opensearch"
    error_message = "the second Firehose must deliver to OpenSearch"
  }

  assert {
    condition     = aws_kinesis_firehose_delivery_stream.search.opensearch_configuration[0].buffering_interval == 60
    error_message = "lines for OpenSearch must be buffered for 60 s"
  }

  assert {
    condition = (
      aws_kinesis_firehose_delivery_stream.search.opensearch_configuration[0].s3_backup_mode == "FailedDocumentsOnly"
      && startswith(aws_kinesis_firehose_delivery_stream.search.opensearch_configuration[0].s3_configuration[0].prefix, "firehose-failed/")
    )
    error_message = "lines that OpenSearch refuses must go to firehose-failed/"
  }

  assert {
    condition = anytrue([for parameter in aws_kinesis_firehose_delivery_stream.search.opensearch_configuration[0].processing_configuration[0].processors[0].parameters :
      parameter.parameter_name == "LambdaArn" && parameter.parameter_value == "arn:aws:lambda:ap-northeast-2:111122223333:function:cali-dev-enrich:$LATEST"
    ])
    error_message = "lines must pass the enrich function of the Chalice stage"
  }
}

run "both_read_the_one_stream" {
  command = apply

  assert {
    condition = alltrue([for firehose in [aws_kinesis_firehose_delivery_stream.raw, aws_kinesis_firehose_delivery_stream.search] :
    firehose.kinesis_source_configuration[0].kinesis_stream_arn == aws_kinesis_stream.logs.arn])
    error_message = "both Firehoses must read the log stream"
  }
}
