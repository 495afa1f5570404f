# The alarms, as a list: what is watched, from which value on, and what it means.

# ---------------------------------------------------------------- Facts

locals {
  alarm_defaults = { statistic = "Maximum", below = false, threshold = 0, period = 60, periods = 5, missing = "notBreaching" }

  stream_alarms = {
    stream-behind = {
      namespace = "AWS/Kinesis", metric = "GetRecords.IteratorAgeMilliseconds", dimensions = { StreamName = local.names.logs }
      threshold = 3600000, means = "A reader of the log stream is one hour behind. Lines are lost after 24 hours."
    }
    stream-write-throttled = {
      namespace = "AWS/Kinesis", metric = "WriteProvisionedThroughputExceeded", dimensions = { StreamName = local.names.logs }
      statistic = "Sum", means = "The log stream throttles writes. Fluent Bit buffers the lines."
    }
    stream-read-throttled = {
      namespace = "AWS/Kinesis", metric = "ReadProvisionedThroughputExceeded", dimensions = { StreamName = local.names.logs }
      statistic = "Sum", means = "The log stream throttles reads: its readers exceed the limit of its shards."
    }
  }

  function_alarms = merge(
    { for function in ["alert", "analyze", "diagnose"] : "iterator-age-${function}" => {
      namespace = "AWS/Lambda", metric = "IteratorAge", dimensions = { FunctionName = local.function_names[function] }
      threshold = function == "diagnose" ? 300000 : 60000, runbook = "iterator-age"
      means     = "The function ${function} is behind its stream. Alerts are delayed."
    } },
    { for function in local.functions : "errors-${function}" => {
      namespace = "AWS/Lambda", metric = "Errors", dimensions = { FunctionName = local.function_names[function] }
      statistic = "Sum", periods = 3, runbook = "errors", means = "Invocations of the function ${function} fail."
    } },
    { for function in local.functions : "throttles-${function}" => {
      namespace = "AWS/Lambda", metric = "Throttles", dimensions = { FunctionName = local.function_names[function] }
      statistic = "Sum", runbook = "throttles", means = "Lambda throttles the function ${function}: its concurrency limit is reached."
    } },
    { failed-batches = {
      namespace = "AWS/Events", metric = "TriggeredRules", dimensions = { RuleName = "${var.name}-failed-batch" }
      statistic = "Sum", period = 300, periods = 1, means = "A function gave up on a batch. The batch is stored in S3 under aws/lambda/."
    } },
  )

  delivery_alarms = {
    raw-late = {
      namespace = "AWS/Firehose", metric = "DeliveryToS3.DataFreshness", dimensions = { DeliveryStreamName = local.names.raw }
      threshold = 300, means = "Firehose delivers raw lines to S3 more than five minutes late."
    }
    search-late = {
      namespace = "AWS/Firehose", metric = "DeliveryToAmazonOpenSearchService.DataFreshness", dimensions = { DeliveryStreamName = local.names.indexed }
      threshold = 300, means = "Firehose delivers lines to OpenSearch more than five minutes late."
    }
    search-refused = {
      namespace = "AWS/Firehose", metric = "DeliveryToAmazonOpenSearchService.Success", dimensions = { DeliveryStreamName = local.names.indexed }
      statistic = "Minimum", below = true, threshold = 1, means = "OpenSearch rejects lines. They are stored in S3 under firehose-failed/."
    }
  }

  search_dimensions = { DomainName = local.names.search, ClientId = local.account }
  search_alarms = {
    search-red = {
      namespace = "AWS/ES", metric = "ClusterStatus.red", dimensions = local.search_dimensions
      periods   = 1, means = "The OpenSearch cluster status is red: a primary shard is missing."
    }
    search-storage = {
      namespace = "AWS/ES", metric = "FreeStorageSpace", dimensions = local.search_dimensions, statistic = "Minimum"
      below     = true, threshold = floor(var.search_volume_gb * 1024 / 5), means = "Less than 20% of OpenSearch's storage is free."
    }
    search-blocked = {
      namespace = "AWS/ES", metric = "ClusterIndexWritesBlocked", dimensions = local.search_dimensions
      periods   = 1, means = "OpenSearch blocks all writes."
    }
    search-cpu = {
      namespace = "AWS/ES", metric = "CPUUtilization", dimensions = local.search_dimensions, statistic = "Average"
      threshold = 80, period = 300, periods = 3, means = "OpenSearch CPU usage was above 80% for 15 minutes."
    }
    search-memory = {
      namespace = "AWS/ES", metric = "JVMMemoryPressure", dimensions = local.search_dimensions
      threshold = 92, period = 300, periods = 3, means = "OpenSearch JVM memory pressure is above 92%. Writes will be rejected soon."
    }
  }

  other_alarms = {
    table-throttled = {
      namespace = "AWS/DynamoDB", metric = "WriteThrottleEvents", dimensions = { TableName = local.names.incidents }
      statistic = "Sum", means = "DynamoDB throttles writes of incidents. The functions retry."
    }
    table-read-throttled = {
      namespace = "AWS/DynamoDB", metric = "ReadThrottleEvents", dimensions = { TableName = local.names.incidents }
      statistic = "Sum", runbook = "table-throttled", means = "DynamoDB throttles reads of incidents. The functions retry."
    }
    milvus-unreachable = {
      namespace  = "AWS/NetworkELB", metric = "HealthyHostCount", statistic = "Maximum", below = true, threshold = 1
      dimensions = { LoadBalancer = aws_lb.milvus.arn_suffix, TargetGroup = aws_lb_target_group.milvus.arn_suffix }
      means      = "Milvus has no healthy node. Incidents are explained without vector search."
    }
    sweep-failed = {
      namespace = "CALI", metric = "failed", dimensions = { function = "sweep", service = "cali" }, statistic = "Sum"
      threshold = 0, period = 300, periods = 3, means = "Parts of sweep have failed for 15 minutes."
    }
    model-spend = {
      namespace = "CALI", metric = "model_dollars", dimensions = { function = "diagnose", service = "cali" }, statistic = "Sum"
      threshold = var.model_dollars_per_day, period = 86400, periods = 1, means = "The model cost of today exceeds its daily budget."
    }
  }

  alarms = { for name, alarm in merge(
    local.stream_alarms, local.function_alarms, local.delivery_alarms, local.search_alarms, local.other_alarms
  ) : name => merge(local.alarm_defaults, { runbook = name }, alarm) }
}
