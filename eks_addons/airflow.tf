# Airflow: the DAGs by which CALI learns.

# ---------------------------------------------------------------- Facts

locals {
  # The role of each component's service account.
  airflow_roles = { for component in ["api-server", "dag-processor", "scheduler", "triggerer", "worker"] : component => {
    create      = true
    name        = local.accounts["airflow-${component}"].name
    annotations = { "eks.amazonaws.com/role-arn" = local.accounts["airflow-${component}"].role_arn }
  } }

  airflow_values = {
    executor                 = var.airflow_executor
    defaultAirflowRepository = local.repositories["airflow-custom"]
    defaultAirflowTag        = var.image_tag
    images = { airflow = {
      repository = local.repositories["airflow-custom"]
      tag        = var.image_tag
    } }

    env = [for name, value in merge(
      local.settings, local.region, { CALI_GITHUB_SECRET = try(local.base.secrets.github, "") }
    ) : { name = name, value = value }]

    # Raised with secrets_revision: a changed secret is a new pod.
    airflowPodAnnotations = { "cali/secrets-revision" = tostring(var.secrets_revision) }

    config = { logging = { remote_base_log_folder = "s3://${local.base.logs_bucket}/airflow-logs" } }

    scheduler    = { serviceAccount = local.airflow_roles.scheduler }
    apiServer    = { serviceAccount = local.airflow_roles["api-server"] }
    dagProcessor = { serviceAccount = local.airflow_roles["dag-processor"] }
    triggerer    = { serviceAccount = local.airflow_roles.triggerer }
    workers = {
      celery     = { serviceAccount = local.airflow_roles.worker }
      kubernetes = { serviceAccount = local.airflow_roles.worker }
    }

    dags = { gitSync = {
      repo   = var.dags_repository
      ref    = var.dags_revision
      branch = var.dags_revision
    } }
  }
}

# ---------------------------------------------------------------- Resources

resource "helm_release" "airflow" {
  name       = "airflow"
  repository = local.charts.airflow.repository
  chart      = "airflow"
  version    = local.charts.airflow.version
  namespace  = kubernetes_namespace_v1.main["airflow"].metadata[0].name
  timeout    = 900

  values = [
    file("${path.module}/airflow/values.yaml"),
    file("${path.module}/airflow/values-${var.environment}.yaml"),
    yamlencode(local.airflow_values),
  ]

  depends_on = [helm_release.base, kubernetes_secret_v1.airflow]
}
