# From Secrets Manager into the cluster, past the state: read when it is applied, written and forgotten.

# ---------------------------------------------------------------- Facts

ephemeral "aws_secretsmanager_secret_version" "entry" {
  for_each = toset(["airflow", "grafana", "milvus"])

  secret_id = local.base.secrets[each.key]
}

locals {
  secret = { for name, entry in ephemeral.aws_secretsmanager_secret_version.entry : name => jsondecode(entry.secret_string) }
}

# ---------------------------------------------------------------- Resources

# The token is user:password; Milvus makes its first user, root, with this password.
resource "kubernetes_secret_v1" "milvus" {
  metadata {
    name      = "milvus-root"
    namespace = kubernetes_namespace_v1.main["milvus"].metadata[0].name
  }

  data_wo          = { password = regex("^root:(.{6,72})$", local.secret.milvus.token)[0] }
  data_wo_revision = var.secrets_revision
}

resource "kubernetes_secret_v1" "airflow" {
  metadata {
    name      = "airflow-keys"
    namespace = kubernetes_namespace_v1.main["airflow"].metadata[0].name
  }

  data_wo = {
    fernet-key        = local.secret.airflow.fernet_key
    api-secret-key    = local.secret.airflow.api_secret_key
    jwt-secret        = local.secret.airflow.jwt_secret
    connection        = "postgresql://airflow:${urlencode(local.secret.airflow.postgres_password)}@airflow-postgresql.airflow:5432/airflow" # asyncpg knows no sslmode
    password          = local.secret.airflow.postgres_password                                                                              # PostgreSQL's user airflow
    postgres-password = local.secret.airflow.postgres_password                                                                              # its superuser
    admin-password    = local.secret.airflow.admin_password
    GITSYNC_USERNAME  = try(local.secret.airflow.git_username, "")
    GITSYNC_PASSWORD  = try(local.secret.airflow.git_password, "")
    GIT_SYNC_USERNAME = try(local.secret.airflow.git_username, "") # the chart names both
    GIT_SYNC_PASSWORD = try(local.secret.airflow.git_password, "")
  }
  data_wo_revision = var.secrets_revision
}

resource "kubernetes_secret_v1" "grafana" {
  metadata {
    name      = "grafana-admin"
    namespace = kubernetes_namespace_v1.main["monitoring"].metadata[0].name
  }

  data_wo = {
    admin-user     = "admin"
    admin-password = local.secret.grafana.password
  }
  data_wo_revision = var.secrets_revision
}
